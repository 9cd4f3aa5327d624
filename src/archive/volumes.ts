import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import { ArchiveMeter, measure, type Measured } from './archive-size.ts';

/**
 * Groups images into archives of at most `limit` bytes each, as `planArchive` counts them. Images that share the most
 * bytes go together, since a blob is stored once per archive: each volume starts with the largest image that is left
 * and takes the one that shares most with it, until none fits. The result depends on the images only, not on their
 * order; images stand sorted by reference, and so do the volumes by their first image. Blobs of `without` take no room. Throws
 * `E_IMAGE_TOO_LARGE` for every image that does not fit alone.
 */
export function packVolumes(
  images: readonly LockedImage[],
  limit: number,
  without?: ReadonlySet<Digest>,
): LockedImage[][] {
  const left = images.map((image) => measure(image, without)).sort(largestFirst);
  refuseTooLarge(left, limit);
  if (fitTogether(left, limit)) return left.length === 0 ? [] : [[...images].sort(byReference)];
  const volumes: LockedImage[][] = [];
  for (let first = left.shift(); first !== undefined; first = left.shift()) {
    volumes.push(fillVolume(first, left, limit));
  }
  return volumes.map((volume) => volume.sort(byReference)).sort(byFirstReference);
}

/** One archive per image, sorted by reference. Throws `E_IMAGE_TOO_LARGE` as `packVolumes` does. */
export function onePerImage(
  images: readonly LockedImage[],
  limit: number,
  without?: ReadonlySet<Digest>,
): LockedImage[][] {
  refuseTooLarge(
    images.map((image) => measure(image, without)),
    limit,
  );
  return [...images].sort(byReference).map((image) => [image]);
}

/** Then there is nothing to choose, which takes long for many images. */
function fitTogether(images: readonly Measured<LockedImage>[], limit: number): boolean {
  const meter = new ArchiveMeter();
  return images.every((image) => {
    const { size } = meter.sizeWith(image);
    meter.add(image);
    return size <= limit;
  });
}

/** Takes out of `left` what goes into a volume with `first`. */
function fillVolume(
  first: Measured<LockedImage>,
  left: Measured<LockedImage>[],
  limit: number,
): LockedImage[] {
  const meter = new ArchiveMeter();
  const volume: LockedImage[] = [];
  for (let next: Measured<LockedImage> | undefined = first; next !== undefined;) {
    meter.add(next);
    volume.push(next.image);
    const at = bestFit(meter, left, limit);
    next = at === undefined ? undefined : left.splice(at, 1)[0];
  }
  return volume;
}

/** The place of the image that fits and shares most; of equals the first. */
function bestFit(
  meter: ArchiveMeter,
  left: readonly Measured<LockedImage>[],
  limit: number,
): number | undefined {
  let best: number | undefined;
  let bestShared = -1;
  for (const [at, candidate] of left.entries()) {
    const { size, shared } = meter.sizeWith(candidate);
    if (size <= limit && shared > bestShared) {
      best = at;
      bestShared = shared;
    }
  }
  return best;
}

function refuseTooLarge(images: readonly Measured<LockedImage>[], limit: number): void {
  const tooLarge = images.filter((image) => image.alone > limit);
  if (tooLarge.length === 0) return;
  const largest = Math.max(...tooLarge.map(({ alone }) => alone));
  const hint = `Use a volume size of at least ${largest} bytes, on media that take such a file.`;
  const errors = tooLarge.map(
    ({ image, alone }) =>
      new PackferryError(
        'E_IMAGE_TOO_LARGE',
        `${image.reference}: needs an archive of ${alone} bytes, but a volume may have ${limit} at most`,
        { hint },
      ),
  );
  const [first, ...others] = errors;
  if (first !== undefined && others.length === 0) throw first;
  throw new PackferryError('E_IMAGE_TOO_LARGE', `${errors.length} images do not fit into one volume each`, {
    hint,
    errors,
  });
}

function largestFirst(a: Measured<LockedImage>, b: Measured<LockedImage>): number {
  return b.alone - a.alone || byReference(a.image, b.image);
}

function byReference(a: LockedImage, b: LockedImage): number {
  return a.reference < b.reference ? -1 : a.reference > b.reference ? 1 : 0;
}

function byFirstReference([a]: readonly LockedImage[], [b]: readonly LockedImage[]): number {
  return a === undefined || b === undefined ? 0 : byReference(a, b);
}
