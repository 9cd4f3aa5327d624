import { PackferryError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import { formatReference, isTag, nameOf, type ImageReference } from '../core/reference.ts';
import type { ImagePlace } from '../pack/update-places.ts';
import type { LookupsOptions } from './outdated-lookups.ts';
import { assessAll } from './outdated.ts';
import type { WantedImage } from './resolve.ts';

export interface TargetsOptions extends LookupsOptions {
  readonly anyVersion: boolean;
  readonly jobs: number;
  /** The tag to set, whatever the newest one is. */
  readonly to?: string | undefined;
}

/** What shall happen at a place: another image, or none and why. */
export type Target =
  | { readonly place: ImagePlace; readonly to: string }
  | { readonly place: ImagePlace; readonly reason: string };

export interface Targets {
  readonly targets: readonly Target[];
  /** One per image of which the registry told nothing; its places are not among the targets. */
  readonly errors: readonly PackferryError[];
}

/**
 * Decides for each place which image shall stand there. Throws `E_USAGE` for a `to` that is no tag or would be set on
 * several images, `E_IMAGE_NOT_FOUND` when the registry does not have it.
 */
export async function chooseTargets(
  places: readonly ImagePlace[],
  options: TargetsOptions,
): Promise<Targets> {
  const named = places.filter(({ isDefault, reference }) => !isDefault && reference.digest === undefined);
  const { to } = options;
  if (to !== undefined) await checkTag(named, to, options);
  const { assessed, errors } =
    to === undefined
      ? await assessAll({ ...options, wanted: wantedBy(named) })
      : { assessed: new Map<string, never>(), errors: [] };
  const targets = places.flatMap((place): Target[] => {
    const { isDefault, reference } = place;
    if (isDefault) return [{ place, reason: 'names no image: the server takes its default' }];
    if (reference.digest !== undefined) return [{ place, reason: 'pinned by its digest' }];
    if (to !== undefined) return [changed(place, to)];
    const found = assessed.get(formatReference(reference));
    if (found === undefined) return [];
    if (found.update !== undefined) return [changed(place, found.update.tag)];
    return [{ place, reason: found.reason ?? 'up to date' }];
  });
  return { targets, errors };
}

function changed(place: ImagePlace, tag: string): Target {
  const to = retagged(place.reference, tag);
  return to === place.reference.written ? { place, reason: 'up to date' } : { place, to };
}

/** The reference as it was written, with another tag. */
function retagged({ written }: ImageReference, tag: string): string {
  const colon = written.indexOf(':', written.lastIndexOf('/') + 1);
  return `${colon < 0 ? written : written.slice(0, colon)}:${tag}`;
}

/** Each image once, with the places that name it. */
function wantedBy(places: readonly ImagePlace[]): WantedImage[] {
  const byName = new Map<string, { reference: ImageReference; usedBy: WantedImage['usedBy'][number][] }>();
  for (const { reference, pack, item, kind, file, line, column, key } of places) {
    const name = formatReference(reference);
    const known = byName.get(name) ?? { reference, usedBy: [] };
    known.usedBy.push({ pack, item, kind, file, line, column, key });
    byName.set(name, known);
  }
  return [...byName.values()];
}

async function checkTag(places: readonly ImagePlace[], tag: string, options: TargetsOptions): Promise<void> {
  if (!isTag(tag)) {
    throw new PackferryError('E_USAGE', `${JSON.stringify(tag)} is no tag`, {
      hint: 'A tag has letters, digits, "_", "." and "-", 128 at most.',
    });
  }
  const names = [...new Set(places.map(({ reference }) => nameOf(reference)))];
  if (names.length > 1) {
    throw new PackferryError(
      'E_USAGE',
      `--to would set ${tag} on ${names.length} images: ${names.join(', ')}`,
      {
        hint: 'Name one of them with --image.',
      },
    );
  }
  const [place] = places;
  if (place === undefined) return;
  const { tags } = await options.source.listTags(place.reference, options.signal);
  if (tags === undefined || tags.includes(tag)) return;
  const near = nearestName(tag, tags);
  throw new PackferryError('E_IMAGE_NOT_FOUND', `${names.join('')} has no tag ${tag}`, {
    hint: near === undefined ? 'See "packferry outdated" for the newest one.' : `Did you mean ${near}?`,
  });
}
