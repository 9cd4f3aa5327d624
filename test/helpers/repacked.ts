import { gunzipSync } from 'node:zlib';
import type { ComposedImage } from '../../bin/demo/compose-image.ts';
import { digestOf } from '../../src/core/digest.ts';

export interface Repacking {
  /** Makes a layer of its tar. */
  readonly pack: (tar: Buffer) => Buffer;
  readonly mediaType?: string;
  /** Layers that stay as they are, from the lowest on. */
  readonly kept?: number;
}

/** The same content in other blobs. */
export function repacked(image: ComposedImage, { pack, mediaType, kept = 0 }: Repacking): ComposedImage {
  const layers = image.layers.map((layer, at) => {
    if (at < kept) return layer;
    const bytes = pack(gunzipSync(layer.bytes));
    const packed = { digest: digestOf(bytes), size: bytes.length };
    const type = mediaType ?? layer.descriptor.mediaType;
    return { ...layer, bytes, descriptor: { ...layer.descriptor, ...packed, mediaType: type } };
  });
  const text = JSON.parse(image.manifest.bytes.toString()) as { layers: unknown };
  text.layers = layers.map(({ descriptor }) => descriptor);
  const bytes = Buffer.from(JSON.stringify(text));
  const descriptor = { ...image.manifest.descriptor, digest: digestOf(bytes), size: bytes.length };
  return { ...image, layers, manifest: { ...image.manifest, bytes, descriptor } };
}

/** Zstandard without compression: one frame of raw blocks (RFC 8878, section 3.1.1). */
export function storedZstd(content: Buffer): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  head.writeUInt32LE(content.length, 5);
  const most = 128 * 1024;
  const blocks: Buffer[] = [];
  for (let at = 0; at < content.length; at += most) {
    const block = content.subarray(at, at + most);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (at + most >= content.length ? 1 : 0), 0, 3);
    blocks.push(header, block);
  }
  return Buffer.concat([head, ...blocks]);
}
