import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { blobsOf, type Descriptor, type LockedImage } from '../../src/core/image.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { verified } from '../../src/core/verify-stream.ts';

/** Reads a blob as an export does: size and digest are checked. */
export async function readBlob(source: ImageSource, image: LockedImage, blob: Descriptor): Promise<Buffer> {
  const content: Readable = await source.openBlob(image, blob);
  return buffer(verified(content, blob, { name: blob.digest }));
}

/** Reads every blob of an image, checked, and what its gzip layers decompress to. Returns the number of blobs. */
export async function readImage(source: ImageSource, image: LockedImage): Promise<number> {
  const blobs = blobsOf(image);
  for (const blob of blobs) await readBlob(source, image, blob);
  for (const layer of image.layers) {
    const content = await readBlob(source, image, layer);
    const diffId = `sha256:${createHash('sha256').update(gunzipSync(content)).digest('hex')}`;
    if (diffId !== layer.diffId) throw new Error(`layer ${layer.digest}: ${diffId} is not ${layer.diffId}`);
  }
  return blobs.length;
}
