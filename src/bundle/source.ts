import type { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import { formatReference, type ImageReference } from '../core/reference.ts';
import type { BundleImage } from '../schema/bundle.ts';
import { BlobPlaces } from './blob-places.ts';
import type { VerifiedBundle } from './open.ts';

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
  readonly #places: BlobPlaces;

  constructor(bundle: VerifiedBundle) {
    this.#bundle = bundle;
    this.name = `bundle:${bundle.dir}`;
    this.#places = new BlobPlaces(bundle.dir, bundle.document);
  }

  resolve(reference: ImageReference): Promise<LockedImage> {
    const wanted = formatReference(reference);
    const { images, platform } = this.#bundle.document;
    const image = images.find((candidate) => candidate.reference === wanted);
    if (image !== undefined) return Promise.resolve(lockedImageOf(image, platform));
    return Promise.reject(new PackferryError('E_IMAGE_NOT_FOUND', `${wanted} is not in ${this.name}`));
  }

  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const content = await this.#places.open(blob.digest, options);
    if (content === undefined) throw blobNotFound(this.name, image, blob);
    return content;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The error for a blob that a bundle does not carry. */
export function blobNotFound(name: string, image: LockedImage, blob: Descriptor): PackferryError {
  return new PackferryError('E_IMAGE_NOT_FOUND', `${image.reference}: blob ${blob.digest} is not in ${name}`);
}
