import type { ComposedImage } from '../../bin/demo/compose-image.ts';
import { digestOf } from '../../src/core/digest.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { gunzipSync } from 'node:zlib';

const largestBlock = 128 * 1024;

/** A frame of zstd that holds its content as it is (RFC 8878): no tool and no version of Node is needed for it. */
export function zstdFrame(content: Buffer): Buffer {
  // Magic number, a descriptor (one segment, four bytes of size), the size.
  const head = Buffer.alloc(9);
  head.writeUInt32LE(0xfd2fb528, 0);
  head.writeUInt8(0xa0, 4);
  head.writeUInt32LE(content.length, 5);
  const parts: Buffer[] = [head];
  for (let start = 0; start === 0 || start < content.length; start += largestBlock) {
    const block = content.subarray(start, start + largestBlock);
    const isLast = start + largestBlock >= content.length;
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (isLast ? 1 : 0), 0, 3);
    parts.push(header, block);
  }
  return Buffer.concat(parts);
}

/** The same image with its layers in zstd, as newer builders push them. */
export function inZstd(image: ComposedImage): ComposedImage {
  const layers = image.layers.map(({ bytes, diffId }) => {
    const framed = zstdFrame(gunzipSync(bytes));
    const descriptor = {
      mediaType: mediaTypes.ociLayerZstd,
      digest: digestOf(framed),
      size: framed.length,
    };
    return { descriptor, bytes: framed, diffId };
  });
  const config = {
    ...image.config,
    descriptor: { ...image.config.descriptor, mediaType: mediaTypes.ociConfig },
  };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
    }),
  );
  const descriptor = {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
  };
  return { ...image, config, layers, manifest: { descriptor, bytes: manifest } };
}
