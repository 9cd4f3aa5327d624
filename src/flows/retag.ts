import { messageOf, PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageSource, SaveOptions } from '../core/ports.ts';
import { formatReference, nameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { withBlobs } from './with-blobs.ts';

/** A name, perhaps with stars, and what becomes of it. */
export interface RetagRule {
  readonly text: string;
  /** Held against the name, and where it has a tag, against name and tag. */
  readonly from: RegExp;
  readonly hasTag: boolean;
  /** With a star for each one of `from`. */
  readonly to: string;
}

/** Images under the names that they get, and where their blobs come from all the same. */
export interface Renamed {
  readonly images: readonly LockedImage[];
  /** By new name, what the image was called before; only those that get another name. */
  readonly before: ReadonlyMap<string, string>;
  readonly sourceOf: (source: ImageSource) => ImageSource;
}

/**
 * Reads `FROM=TO`. Each star of FROM stands for any characters but a slash, and what it stood for takes the place of the
 * star in TO, in order. Without a tag in FROM, all tags are meant and kept. Throws `E_USAGE`.
 */
export function parseRetag(text: string): RetagRule {
  const [from = '', to = '', ...more] = text.split('=');
  if (from === '' || to === '' || more.length > 0) {
    throw invalid(text, 'that is not FROM=TO');
  }
  const stars = (pattern: string): number => pattern.split('*').length - 1;
  if (stars(from) !== stars(to)) throw invalid(text, 'FROM and TO have different numbers of stars');
  const hasTag = from.lastIndexOf(':') > from.lastIndexOf('/');
  if (from.includes('@') || to.includes('@')) throw invalid(text, 'names with digests cannot be changed');
  // By the rules of names: docker.io and library/ may be left out.
  const full = formatReference(check(text, from));
  const pattern = hasTag ? full : full.slice(0, full.lastIndexOf(':'));
  check(text, to);
  const parts = pattern.split(wildcard).map((part) => part.replace(/[.+*?^${}()|[\]\\]/g, '\\$&'));
  return { text, from: new RegExp(`^${parts.join('([^/]*)')}$`), hasTag, to };
}

/**
 * Gives images the names that the first fitting rule says. Throws `E_REFERENCE_INVALID` for a rule that makes a name that
 * is none, `E_USAGE` for one that fits no image, and `E_TAG_CONFLICT` where two images would get one name.
 */
export function renameImages(images: readonly LockedImage[], rules: readonly RetagRule[]): Renamed {
  const before = new Map<string, string>();
  const used = new Set<RetagRule>();
  const renamed = images.map((image) => {
    const old = parseReference(image.reference);
    const { name, rule } = newName(old, rules) ?? {};
    if (name === undefined || rule === undefined) return image;
    used.add(rule);
    before.set(name, image.reference);
    return { ...image, reference: name };
  });
  const idle = rules.find((rule) => !used.has(rule));
  if (idle !== undefined) {
    const [first] = images;
    const called = first === undefined ? 'there are none' : `they are called like ${first.reference}`;
    throw invalid(idle.text, `no image has such a name; ${called}`);
  }
  refuseSame(renamed, images);
  const sourceOf = (source: ImageSource): ImageSource => {
    const original = (image: LockedImage): LockedImage => {
      return { ...image, reference: before.get(image.reference) ?? image.reference };
    };
    const { unpacked, placeOf } = source;
    const renamedSaves = unpacked && {
      resolve: unpacked.resolve.bind(unpacked),
      openSave: (image: LockedImage, options?: SaveOptions) => unpacked.openSave(original(image), options),
    };
    return {
      ...withBlobs(
        source,
        (image, blob, options) => source.openBlob(original(image), blob, options),
        renamedSaves,
      ),
      ...(placeOf === undefined ? {} : { placeOf: (image, blob) => placeOf(original(image), blob) }),
      splits: (image) => source.splits?.(original(image)) ?? false,
    };
  };
  return { images: renamed, before, sourceOf };
}

/** What the first fitting rule makes of a name; undefined when none fits. Throws `E_REFERENCE_INVALID`. */
export function newName(
  reference: ImageReference,
  rules: readonly RetagRule[],
): { readonly name: string; readonly rule: RetagRule } | undefined {
  for (const rule of rules) {
    const name = nameBy(rule, reference);
    if (name !== undefined) return { name, rule };
  }
  return undefined;
}

/** Stands for a star while a pattern is read as a name; nothing that people write. */
const wildcard = 'packferry0star0';

function check(text: string, pattern: string): ImageReference {
  const [first = '', ...rest] = pattern.split('/');
  // By the rules of names it would be a registry, which is then left out of the name at a registry.
  if (rest.length > 0 && !/[.:]/.test(first) && first !== first.toLowerCase())
    throw invalid(text, `names of images are lower case, and ${first} is no registry`);
  try {
    return parseReference(pattern.replaceAll('*', wildcard));
  } catch (cause) {
    const why = messageOf(cause).replaceAll(wildcard, '*');
    throw new PackferryError('E_USAGE', `--retag ${text}: ${why}`, { hint, cause });
  }
}

function nameBy({ from, hasTag, to }: RetagRule, reference: ImageReference): string | undefined {
  const { tag, digest } = reference;
  const match = from.exec(hasTag ? `${nameOf(reference)}:${tag ?? ''}` : nameOf(reference));
  if (match === null) return undefined;
  const parts = to.split('*');
  const made = parts.map((part, at) => part + (match[at + 1] ?? '')).join('');
  const { registry, repository, ...given } = parseReference(made);
  const isTagged = made.lastIndexOf(':') > made.lastIndexOf('/');
  const ending = isTagged ? { tag: given.tag } : { tag, digest };
  return formatReference({
    ...{ registry, repository, written: made },
    ...(ending.tag === undefined ? {} : { tag: ending.tag }),
    ...(ending.tag !== undefined || digest === undefined ? {} : { digest }),
  });
}

function refuseSame(renamed: readonly LockedImage[], images: readonly LockedImage[]): void {
  const taken = new Map<string, number>();
  for (const [at, { reference, manifest }] of renamed.entries()) {
    const first = taken.get(reference);
    taken.set(reference, first ?? at);
    if (first === undefined || renamed[first]?.manifest.digest === manifest.digest) continue;
    const both = `${images[first]?.reference} and ${images[at]?.reference}`;
    throw new PackferryError('E_TAG_CONFLICT', `${both} would both become ${reference}`, { hint });
  }
}

const hint =
  "Write it as --retag FROM=TO, for instance --retag 'docker.io/demisto/*=soc/*' or --retag demisto/python3:3.12=demisto/python3:site.";

function invalid(text: string, why: string): PackferryError {
  return new PackferryError('E_USAGE', `--retag ${text}: ${why}`, { hint });
}
