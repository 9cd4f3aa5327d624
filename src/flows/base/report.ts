import { blobsOf, totalSize, type LockedImage } from '../../core/image.ts';
import type { RequiredBlob } from '../../schema/bundle.ts';
import type { LeftOutReport } from '../../schema/left-out.ts';

/** What a bundle leaves out, as reports show it; nothing where it leaves out nothing. */
export function reportLeftOut(requires: readonly RequiredBlob[]): { readonly leftOut?: LeftOutReport } {
  if (requires.length === 0) return {};
  const bases = new Map<string, RequiredBlob[]>();
  for (const blob of requires) {
    const { base = 'not told' } = blob;
    bases.set(base, [...(bases.get(base) ?? []), blob]);
  }
  return {
    leftOut: { ...counted(requires), bases: [...bases].map(([name, some]) => ({ name, ...counted(some) })) },
  };
}

/** What is left out of one image, in bytes; nothing where nothing is left out of any. */
export function reportImageLeftOut(
  image: Pick<LockedImage, 'manifest' | 'config' | 'layers'>,
  requires: readonly RequiredBlob[],
): { readonly bytesLeftOut?: number } {
  if (requires.length === 0) return {};
  const without = new Set(requires.map(({ digest }) => digest));
  return { bytesLeftOut: totalSize(blobsOf(image).filter(({ digest }) => without.has(digest))) };
}

function counted(blobs: readonly RequiredBlob[]): { readonly layers: number; readonly bytes: number } {
  return { layers: blobs.length, bytes: totalSize(blobs) };
}
