import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import { configFits, formatPlatform, type Platform } from '../../core/platform.ts';
import { formatReference, type ImageReference } from '../../core/reference.ts';
import { layoutName } from '../layout-names.ts';
import { incomplete, type SavedImage } from './saved-image.ts';

/**
 * The image of a save that a reference means on a platform: by digest where it has one (then its
 * manifest has to be the registry's), else by its full name. Throws
 * `E_IMAGE_NOT_FOUND`, `E_PLATFORM_NOT_FOUND`, or `E_IMAGE_INCOMPLETE` with the blobs that the save leaves out.
 */
export function findImage(
  archive: string,
  images: readonly SavedImage[],
  reference: ImageReference,
  wanted: Platform,
): SavedImage {
  const { digest } = reference;
  const name = layoutName(reference);
  const named =
    digest === undefined
      ? images.filter(({ names }) => names.includes(name))
      : images.filter(
          ({ manifest, digests, missing }) =>
            digests.includes(digest) && (manifest !== undefined || missing.length > 0),
        );
  if (named.length === 0) throw notFound(archive, images, reference);
  const fitting = named.filter(({ platform }) => configFits(platform, wanted));
  const [first] = fitting;
  if (first === undefined) throw platformNotFound(archive, named, reference, wanted);
  const whole = fitting.find(({ missing }) => missing.length === 0);
  if (whole === undefined) throw incomplete(archive, formatReference(reference), first.missing);
  return whole;
}

/** What an engine was asked to save. */
export interface Asked {
  readonly id: Digest;
  /** What the engine takes for its image IDs. */
  readonly idOf: 'config' | 'manifest';
  readonly reference: ImageReference;
}

/** The image of an engine's save that has the ID which was asked for. */
export function findSaved(
  archive: string,
  images: readonly SavedImage[],
  { id, idOf, reference }: Asked,
  wanted: Platform,
): SavedImage {
  const meant = images.filter(({ config, digests }) =>
    idOf === 'config' ? config.digest === id : digests.includes(id),
  );
  const fitting = meant.filter(({ platform }) => configFits(platform, wanted));
  const [first] = fitting;
  if (first === undefined) {
    const ids = images.map(({ config }) => config.digest).join(', ');
    throw new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${archive}: asked for the image ${id}, the engine saved ${ids === '' ? 'none' : ids}`,
      { hint: 'Pull or build the image again on that engine.' },
    );
  }
  const whole = fitting.find(({ missing }) => missing.length === 0);
  if (whole === undefined) throw incomplete(archive, formatReference(reference), first.missing);
  return whole;
}

function notFound(archive: string, images: readonly SavedImage[], reference: ImageReference): PackferryError {
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

function platformNotFound(
  archive: string,
  images: readonly SavedImage[],
  reference: ImageReference,
  wanted: Platform,
): PackferryError {
  const there = [...new Set(images.map(({ platform }) => formatPlatform(platform)))].join(', ');
  const what = `${formatReference(reference)}: ${archive} has no image for ${formatPlatform(wanted)}`;
  return new PackferryError('E_PLATFORM_NOT_FOUND', `${what}; there is ${there}`, {
    hint: 'Choose another platform or another tag.',
  });
}
