import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { PushedImage } from './images.ts';

/** An image of the vendor's with its share of the whole. */
export interface VendorImage extends PushedImage {
  readonly weight: number;
}

/** The sizes that the vendor's images have, as far as they are known; may be absent. */
const list = path.resolve(import.meta.dirname, '../../../../../shared/corpus/content-images.json');

const count = 386;
/** Sizes in MB where the list is absent or silent: the middle of the known ones, and some larger. */
const usual = [44, 38, 61, 25, 120, 52, 33, 47, 90, 240];

/** The images that the vendor's content names: some 386. */
export function vendorImages(): VendorImage[] {
  const listed = readList() ?? Array.from({ length: count }, (_, at): Listed => ({ ref: madeUp(at) }));
  return listed.map((image, at) => {
    const colon = image.ref.lastIndexOf(':');
    return {
      repository: image.ref.slice(0, colon),
      tag: image.ref.slice(colon + 1),
      weight: image.compressedMB ?? usual[at % usual.length] ?? 44,
    };
  });
}

function madeUp(at: number): string {
  return `demisto/image${at}:1.0.0.${100_000 + at}`;
}

interface Listed {
  readonly ref: string;
  readonly compressedMB?: number | null;
}

function readList(): readonly Listed[] | undefined {
  try {
    return (JSON.parse(readFileSync(list, 'utf8')) as { readonly images: readonly Listed[] }).images;
  } catch {
    return undefined;
  }
}
