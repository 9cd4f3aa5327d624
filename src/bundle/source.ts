import { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import { formatReference, type ImageReference } from '../core/reference.ts';
import type { BundleImage } from '../schema/bundle.ts';
import { openBundleFile } from './folder.ts';
import type { VerifiedBundle } from './open.ts';

const readSize = 1024 * 1024;

/** An image of a bundle as a locked image. */
export function lockedImageOf(image: BundleImage, platform: Platform): LockedImage {
  const { reference, manifest, config, layers, source } = image;
  return { reference, platform, manifest, config, layers, source };
}

/**
 * A verified bundle as a source of images: blobs are read at the places that the plan gives. Consumers hash them once
 * more as they move, so a file that changes after the verification is found out.
 */
export class BundleSource implements ImageSource {
  readonly name: string;
  readonly #bundle: VerifiedBundle;
  readonly #places = new Map<string, { readonly file: string; readonly offset: number }>();

  constructor(bundle: VerifiedBundle) {
    this.#bundle = bundle;
    this.name = `bundle:${bundle.dir}`;
    for (const { file, blobs } of bundle.document.archives) {
      for (const { digest, offset } of blobs) this.#places.set(digest, { file, offset });
    }
  }

  resolve(reference: ImageReference): Promise<LockedImage> {
    const wanted = formatReference(reference);
    const { images, platform } = this.#bundle.document;
    const image = images.find((candidate) => candidate.reference === wanted);
    if (image !== undefined) return Promise.resolve(lockedImageOf(image, platform));
    return Promise.reject(new PackferryError('E_IMAGE_NOT_FOUND', `${wanted} is not in ${this.name}`));
  }

  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const place = this.#places.get(blob.digest);
    if (place === undefined) {
      throw new PackferryError(
        'E_IMAGE_NOT_FOUND',
        `${image.reference}: blob ${blob.digest} is not in ${this.name}`,
      );
    }
    const from = options.from ?? 0;
    if (from >= blob.size) return Readable.from([]);
    const file = await openBundleFile(this.#bundle.dir, place.file);
    return file.createReadStream({
      start: place.offset + from,
      end: place.offset + blob.size - 1,
      highWaterMark: readSize,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
