import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import { refuseForeignLayers } from '../../core/foreign-layers.ts';
import { configFits, formatPlatform, platformMatches, type Platform } from '../../core/platform.ts';
import { formatReference, type ImageReference } from '../../core/reference.ts';
import { layoutName } from '../layout-names.ts';
import { incomplete, type SaveContents, type SavedImage, type SaveGap } from './saved-image.ts';

/**
 * The image of a save that a reference means on a platform: by digest where it has one (then its manifest has to be the
 * registry's), else by its full name. Throws `E_IMAGE_NOT_FOUND`, `E_PLATFORM_NOT_FOUND`, `E_LAYER_FOREIGN`, or
 * `E_IMAGE_INCOMPLETE` with the blobs that the save leaves out.
 */
export function findImage(
  archive: string,
  contents: SaveContents,
  reference: ImageReference,
  wanted: Platform,
): SavedImage {
  const { digest } = reference;
  const name = layoutName(reference);
  const isMeant = (one: SavedImage | SaveGap): boolean =>
    digest === undefined ? one.names.includes(name) : one.digests.includes(digest);
  const isTrue = ({ manifest, missing, foreign }: SavedImage): boolean =>
    digest === undefined || manifest !== undefined || missing.length + foreign.length > 0;
  const named = contents.images.filter((image) => isMeant(image) && isTrue(image));
  const gaps = contents.gaps.filter(isMeant);
  if (named.length + gaps.length === 0) throw notFound(archive, contents, reference);
  return wholeOf(archive, named, gaps, reference, wanted) ?? platformFault(archive, named, reference, wanted);
}

/** What an engine was asked to save. */
export interface Asked {
  readonly id: Digest;
  /** What the engine takes for its image IDs. */
  readonly idOf: 'config' | 'manifest';
  readonly reference: ImageReference;
}

/** The image of an engine's save that has the ID which was asked for. Throws `E_SOURCE_PROTOCOL`, `E_LAYER_FOREIGN`, `E_IMAGE_INCOMPLETE`. */
export function findSaved(
  archive: string,
  { images, gaps }: SaveContents,
  { id, idOf, reference }: Asked,
  wanted: Platform,
): SavedImage {
  const isMeant = ({ digests }: SavedImage | SaveGap): boolean => digests.includes(id);
  const meant = images.filter((image) => (idOf === 'config' ? image.config.digest === id : isMeant(image)));
  const found = wholeOf(archive, meant, gaps.filter(isMeant), reference, wanted);
  if (found !== undefined) return found;
  const ids = images.map(({ config }) => config.digest).join(', ');
  throw new PackferryError(
    'E_SOURCE_PROTOCOL',
    `${archive}: asked for the image ${id}, the engine saved ${ids === '' ? 'none' : ids}`,
    { hint: 'Pull or build the image again on that engine.' },
  );
}

/** The first image for the platform that is all there and may be carried; undefined when there is none for it, not even in part. */
function wholeOf(
  archive: string,
  images: readonly SavedImage[],
  gaps: readonly SaveGap[],
  reference: ImageReference,
  wanted: Platform,
): SavedImage | undefined {
  const fitting = images.filter(({ platform }) => configFits(platform, wanted));
  const whole = fitting.find(({ missing, foreign }) => missing.length + foreign.length === 0);
  if (whole !== undefined) return whole;
  const gap = gaps.find(({ platform }) => platform === undefined || platformMatches(platform, wanted));
  const part = fitting[0] ?? gap;
  if (part === undefined) return undefined;
  refuseForeignLayers(part.foreign, `${formatReference(reference)}: ${archive}`);
  throw incomplete(archive, formatReference(reference), part.missing);
}

function notFound(archive: string, { images }: SaveContents, reference: ImageReference): PackferryError {
  const names = images.flatMap((image) => image.names);
  const some = names.slice(0, 5).join(', ') + (names.length > 5 ? ', ...' : '');
  const has =
    names.length === 0 ? 'No image there has a full name.' : `It has ${names.length} names: ${some}.`;
  const isPinned = reference.digest !== undefined && names.includes(layoutName(reference));
  const lost =
    'The name is there, but most saves do not keep the digest that a registry gave: name it by tag alone. ';
  return new PackferryError('E_IMAGE_NOT_FOUND', `${formatReference(reference)}: not in ${archive}`, {
    hint: isPinned ? `${lost}${has}` : has,
  });
}

function platformFault(
  archive: string,
  images: readonly SavedImage[],
  reference: ImageReference,
  wanted: Platform,
): never {
  const there = [...new Set(images.map(({ platform }) => formatPlatform(platform)))].join(', ');
  const what = `${formatReference(reference)}: ${archive} has no image for ${formatPlatform(wanted)}`;
  const told = there === '' ? what : `${what}; there is ${there}`;
  throw new PackferryError('E_PLATFORM_NOT_FOUND', told, { hint: 'Choose another platform or another tag.' });
}
