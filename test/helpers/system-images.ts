import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { composedBlobs, composeImage, type ComposedImage } from '../../bin/demo/sample-images.ts';
import type { Digest } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Descriptor } from '../../src/core/image.ts';
import type { BlobOptions, ImageSource } from '../../src/core/ports.ts';
import { systemTools } from './system-tools.ts';

/** Composed images as a source. `openBlob` may be replaced to make it misbehave. */
export function composedSource(
  images: readonly ComposedImage[],
  openBlob: (blob: Descriptor, bytes: Buffer, options?: BlobOptions) => Readable = (_, bytes) =>
    Readable.from([bytes]),
): ImageSource {
  const blobs = new Map<Digest, Buffer>(
    images.flatMap(composedBlobs).map(({ descriptor, bytes }) => [descriptor.digest, bytes]),
  );
  return {
    name: 'memory:',
    resolve: () => Promise.reject(new PackferryError('E_IMAGE_NOT_FOUND', 'memory: resolves nothing')),
    openBlob: (_, blob, options) => {
      const bytes = blobs.get(blob.digest);
      if (bytes === undefined) throw new Error(`no blob ${blob.digest} in memory`);
      return Promise.resolve(openBlob(blob, bytes, options));
    },
    close: () => Promise.resolve(),
  };
}

/** An image that runs: a static busybox that prints `line`. Needs `busybox`. */
export async function runnableImage(line: string, base?: ComposedImage): Promise<ComposedImage> {
  const files = [{ path: 'etc/line', content: `${line}\n` }];
  const config = { cmd: ['/bin/sh', '-c', 'busybox cat /etc/line'] };
  if (base !== undefined) return composeImage({ base, files, config });
  return composeImage({ files, config, busybox: await readFile(systemTools().path('busybox')) });
}
