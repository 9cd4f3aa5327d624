import type { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { formatPlatform, platformMatches, type Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import { formatReference, lockedNameOf, parseReference, type ImageReference } from '../core/reference.ts';
import type { BundleDocument, BundleImage } from '../schema/bundle.ts';
import { BlobPlaces } from './blob-places.ts';
import type { VerifiedBundle } from './open.ts';

/** An image of a bundle as a locked image. */
export function lockedImageOf(image: BundleImage, platform: Platform): LockedImage {
  const { reference, manifest, config, layers, source } = image;
  return { reference, platform, manifest, config, layers, source };
}

/** The image that a bundle has under this name; with a digest it must be that very one. */
export function imageNamed({ images }: BundleDocument, reference: ImageReference): BundleImage | undefined {
  const { tag, digest } = reference;
  return images.find(
    (image) =>
      image.reference === lockedNameOf(reference) &&
      (tag === undefined || digest === undefined || image.manifest.digest === digest),
  );
}

/**
 * A verified bundle as a source of images: blobs are read at the places that the plan gives. Consumers hash them once
 * more as they move, so a file that changes after the verification is found out.
 */
export class BundleSource implements ImageSource {
  readonly name: string;
  readonly isNear = true;
  readonly #bundle: VerifiedBundle;
  readonly #places: BlobPlaces;

  constructor(bundle: VerifiedBundle) {
    this.#bundle = bundle;
    this.name = `bundle:${bundle.dir}`;
    this.#places = new BlobPlaces(bundle.dir, bundle.document);
  }

  resolve(
    reference: ImageReference,
    wanted: Platform = this.#bundle.document.platform,
  ): Promise<LockedImage> {
    const { document } = this.#bundle;
    const image = imageNamed(document, reference);
    const name = formatReference(reference);
    if (image === undefined) {
      return Promise.reject(new PackferryError('E_IMAGE_NOT_FOUND', `${name} is not in ${this.name}`));
    }
    if (!platformMatches(document.platform, wanted)) {
      const message = `${name}: ${this.name} has it for ${formatPlatform(document.platform)} only`;
      return Promise.reject(new PackferryError('E_PLATFORM_NOT_FOUND', message));
    }
    return Promise.resolve(lockedImageOf(image, document.platform));
  }

  listImages(): Promise<readonly ImageReference[]> {
    const { images } = this.#bundle.document;
    return Promise.resolve(images.map((image) => parseReference(image.reference)));
  }

  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const content = await this.#places.open(blob.digest, options);
    if (content === undefined) throw blobNotFound(this.#bundle, image, blob);
    return content;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The error for a blob that a bundle does not carry: `E_BASE_MISSING` for one that it leaves out. */
export function blobNotFound(
  { dir, document }: { readonly dir: string; readonly document: Pick<BundleDocument, 'requires'> },
  image: LockedImage,
  blob: Descriptor,
): PackferryError {
  const what = `${image.reference}: blob ${blob.digest}`;
  const required = document.requires.find(({ digest }) => digest === blob.digest);
  if (required === undefined) {
    const hint = `See whether it is whole: packferry verify ${dir}`;
    return new PackferryError('E_IMAGE_NOT_FOUND', `${what} is not in bundle:${dir}`, { hint });
  }
  const why = required.base === undefined ? '' : `, since ${required.base} has it`;
  return new PackferryError('E_BASE_MISSING', `${what} is not in bundle:${dir}: it leaves it out${why}`, {
    hint: 'Bring it to a target that has the layers, or import it along with a bundle that carries them: packferry import ... --with BUNDLE.',
  });
}
