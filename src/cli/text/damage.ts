import type { BundleDamage, DamagedFile, LostBlob, Loss, StrickenImage } from '../../core/damage.ts';
import { formatSize } from '../../core/size.ts';
import { count } from './plural.ts';
import { visible } from './visible.ts';

/** How much is shown of a long list; `--json` and the damage file have all of it. */
const most = { blobs: 20, images: 5, items: 5 };

const lossWords: Readonly<Record<Loss, string>> = {
  missing: 'missing',
  unreadable: 'cannot be read',
  damaged: 'not what was signed',
};

/** What is lost of a bundle, for people: each file, the blobs in it, the images that need them, and who uses those. */
export function damageLines(damage: BundleDamage): string[] {
  const lines = damage.files.flatMap((file) => {
    const blobs = damage.blobs.filter(({ archive }) => archive === file.file);
    // Of a file that is not there, all blobs are lost: the images say more.
    const below = file.why === 'missing' ? imageLines(imagesOf(blobs)) : blobLines(blobs);
    return [headOf(file, blobs), ...below.map((line) => `  ${line}`)];
  });
  if (damage.blobsKnown) return [...lines, `Lost in all: ${damageTotals(damage)}.`];
  return [...lines, 'Without bundle.json it is not known which images the damaged archives hold.'];
}

/** `1 file, 2 blobs (3.4 MiB) and 4 images`. */
function damageTotals({ files, blobs }: BundleDamage): string {
  const unique = new Map(blobs.map(({ digest, size }) => [digest, size]));
  const bytes = [...unique.values()].reduce((sum, size) => sum + size, 0);
  const images = count(imagesOf(blobs).length, 'image');
  const lost = `${count(unique.size, 'blob')} (${formatSize(bytes)}) and ${images}`;
  return `${count(files.length, 'file')}, ${lost}`;
}

function headOf({ file, why, size, parts = [] }: DamagedFile, blobs: readonly LostBlob[]): string {
  const length = size === undefined ? '' : `, ${size.got} bytes instead of ${size.expected}`;
  const frame =
    parts.length === 0 ? '' : `, ${count(parts.length, 'place')} between its blobs, which need not be sent`;
  const all = why === 'missing' && blobs.length > 0 ? `, with ${count(blobs.length, 'blob')}` : '';
  return `${visible(file)}: ${lossWords[why]}${all}${length}${frame}`;
}

/** Every image that lacks one of these blobs, once. */
function imagesOf(blobs: readonly LostBlob[]): StrickenImage[] {
  const images = blobs.flatMap((blob) => blob.images);
  return [...new Map(images.map((image) => [image.reference, image])).values()];
}

function blobLines(blobs: readonly LostBlob[]): string[] {
  return shortened(blobs, most.blobs, 'blob').flatMap((blob) => {
    if (typeof blob === 'string') return [blob];
    const { kind, digest, offset, size, why, intactIn, images } = blob;
    const elsewhere = intactIn.length === 0 ? '' : `; intact in ${intactIn.join(', ')}`;
    return [
      `${kind} ${digest.slice(7, 19)}, bytes ${offset} to ${offset + size}: ${lossWords[why]}${elsewhere}`,
      ...imageLines(images).map((line) => `  ${line}`),
    ];
  });
}

function imageLines(images: readonly StrickenImage[]): string[] {
  return shortened(images, most.images, 'image').flatMap((image) => {
    if (typeof image === 'string') return [image];
    const items = shortened(image.items, most.items, 'item').map((item) =>
      typeof item === 'string'
        ? item
        : visible(`${item.pack === '' ? '' : `${item.pack}: `}${item.kind} ${item.item}`),
    );
    return [visible(image.reference), ...items.map((line) => `  ${line}`)];
  });
}

/** The first ones of a list, and a line for how many more there are. */
function shortened<T>(list: readonly T[], length: number, noun: string): (T | string)[] {
  if (list.length <= length) return [...list];
  const left = list.length - length;
  return [...list.slice(0, length), `and ${left} more ${noun}${left === 1 ? '' : 's'}`];
}
