import { asPackferryError, PackferryError } from '../core/errors.ts';
import { formatReference, nameOf } from '../core/reference.ts';
import { replaceContent } from '../pack/update-file.ts';
import { planRewrite } from '../pack/update-item.ts';
import { findPlaces, type ImagePlace } from '../pack/update-places.ts';
import { reportVersion } from '../schema/reports.ts';
import type { UpdateReport } from '../schema/reports-tags.ts';
import { reportError } from './report.ts';
import { chooseTargets, type TargetsOptions } from './update-targets.ts';
import { parseImageName, similarNames } from './usage-name.ts';

export interface UpdateOptions extends TargetsOptions {
  /** Folders and yml files. */
  readonly paths: readonly string[];
  /** Write the files; otherwise only say what would change. */
  readonly write: boolean;
  /** Only this image; any tag of it when it names none. */
  readonly image?: string | undefined;
}

export interface Updated {
  readonly report: UpdateReport;
  /** Of registries that told nothing and of files that cannot be rewritten. */
  readonly errors: readonly PackferryError[];
}

type Change = UpdateReport['changes'][number];

/**
 * Moves the images of content packs to their newest builds: rewrites the one value in each file, or shows what would
 * change. What cannot be done is reported; all the rest is done.
 */
export async function updatePacks(options: UpdateOptions): Promise<Updated> {
  const places = await chosenPlaces(options);
  const { targets, errors } = await chooseTargets(places, options);
  const changes: Change[] = [];
  const kept: UpdateReport['kept'] = [];
  const failures: PackferryError[] = [...errors];
  for (const target of targets) {
    if ('to' in target) {
      const { change, error } = await rewrite(target.place, target.to, options);
      changes.push(change);
      if (error !== undefined) failures.push(error);
    } else {
      const { place, reason } = target;
      kept.push({ ...placeOf(place), reference: formatReference(place.reference), reason });
    }
  }
  const report: UpdateReport = {
    schemaVersion: reportVersion,
    write: options.write,
    changes,
    kept,
    errors: failures.map(reportError),
  };
  return { report, errors: failures };
}

/** The places that the user means. A name that fits none is a slip of the pen, not an empty wish. */
async function chosenPlaces({ paths, image, emit, signal }: UpdateOptions): Promise<ImagePlace[]> {
  // Before a thousand files are read.
  const named = image === undefined ? undefined : parseImageName(image);
  const places = await findPlaces(paths, { emit, signal });
  if (named === undefined) return places;
  const chosen = places.filter(({ reference }) => named.matches(reference));
  if (chosen.length > 0) return chosen;
  const near = similarNames(named.name, [...new Set(places.map(({ reference }) => nameOf(reference)))]);
  throw new PackferryError('E_USAGE', `nothing here uses ${named.text}`, {
    hint: near.length === 0 ? 'See "packferry usage".' : `Did you mean ${near.join(' or ')}?`,
  });
}

async function rewrite(
  place: ImagePlace,
  to: string,
  { write, signal }: UpdateOptions,
): Promise<{ change: Change; error?: PackferryError }> {
  const change = { ...placeOf(place), from: place.reference.written, to };
  signal.throwIfAborted();
  try {
    const { before, after, diff } = await planRewrite(place, to, signal);
    if (write) await replaceContent(place.path, before, after, signal);
    return { change: { ...change, status: write ? 'written' : 'planned', diff } };
  } catch (fault) {
    signal.throwIfAborted();
    const error = asPackferryError(fault);
    return { change: { ...change, status: 'failed', error: reportError(error) }, error };
  }
}

function placeOf({
  path,
  line,
  column,
  pack,
  item,
}: ImagePlace): Omit<UpdateReport['kept'][number], 'reference' | 'reason'> {
  return { path, line, column, pack, item };
}
