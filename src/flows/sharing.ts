import type { Digest } from '../core/digest.ts';
import { blobsOf, totalSize, uniqueBlobs, type LockedImage } from '../core/image.ts';
import { parseReference } from '../core/reference.ts';
import { familiarName } from './exclude.ts';

/** What leaving out one repository would save, in bytes. */
export interface Saving {
  /** The pattern to put under `exclude`. */
  readonly exclude: string;
  /** How many images it takes out. */
  readonly images: number;
  readonly bytes: number;
}

/** Bytes of each image, by reference, that some other image of the set has too. */
export function sharedBytes(images: readonly LockedImage[]): Map<string, number> {
  const holders = new Map<Digest, number>();
  for (const { digest } of images.flatMap(blobsOf)) holders.set(digest, (holders.get(digest) ?? 0) + 1);
  return new Map(
    images.map((image) => {
      const shared = blobsOf(image).filter(({ digest }) => (holders.get(digest) ?? 0) > 1);
      return [image.reference, totalSize(shared)];
    }),
  );
}

/** Bytes of `images` that nothing of `others` has: what leaving out the images saves. */
export function bytesOnlyIn(images: readonly LockedImage[], others: readonly LockedImage[]): number {
  const kept = new Set(uniqueBlobs(others).map(({ digest }) => digest));
  return totalSize(uniqueBlobs(images).filter(({ digest }) => !kept.has(digest)));
}

/**
 * What excluding the repositories of the largest images would save, most first. Versions of one image share most of
 * their bytes, so only all of them together are worth leaving out.
 */
export function savingsOf(images: readonly LockedImage[], count: number): Saving[] {
  const bySize = [...images].sort((a, b) => totalSize(blobsOf(b)) - totalSize(blobsOf(a)));
  const groups = new Map<string, LockedImage[]>();
  for (const image of bySize) {
    const reference = parseReference(image.reference);
    const pattern = `${familiarName(reference)}${reference.tag === undefined ? '@*' : ':*'}`;
    groups.set(pattern, [...(groups.get(pattern) ?? []), image]);
  }
  return [...groups]
    .slice(0, count)
    .map(([exclude, group]) => {
      const others = images.filter((image) => !group.includes(image));
      return { exclude, images: group.length, bytes: bytesOnlyIn(group, others) };
    })
    .sort((a, b) => b.bytes - a.bytes);
}
