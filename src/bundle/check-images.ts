import type { BlobWatcher } from '../archive/check.ts';
import { joinLayers, parseConfig, parseManifest } from '../archive/oci-documents.ts';
import type { Digest } from '../core/digest.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { configFits, formatPlatform, type Platform } from '../core/platform.ts';
import type { BundleImage } from '../schema/bundle.ts';

/**
 * Compares what bundle.json says of the images of one archive with what their own manifests and configs say: an engine
 * goes by those. It sees them while the archive is checked, byte for byte, and judges an image as soon as both have
 * passed. Holds the documents of images of which one has not come yet.
 */
export class ImageCheck implements BlobWatcher {
  /** What was found; complete when the archive has been read. */
  readonly errors: PackferryError[] = [];
  /** The names of images of which both documents have come and agree with bundle.json. */
  readonly #accepted = new Set<string>();
  readonly #platform: Platform;
  /** The images that wait for a document to be judged. */
  readonly #wanted = new Map<Digest, Set<BundleImage>>();
  readonly #documents = new Map<Digest, Buffer>();
  #parts: Buffer[] = [];

  constructor(images: readonly BundleImage[], platform: Platform) {
    this.#platform = platform;
    for (const image of images) {
      for (const { digest } of [image.manifest, image.config]) {
        this.#wanted.set(digest, (this.#wanted.get(digest) ?? new Set()).add(image));
      }
    }
  }

  /** Is the blob a document that has not come yet, and small enough for one? */
  wants({ digest, size }: Descriptor): boolean {
    return this.#wanted.has(digest) && size <= limits.imageConfig;
  }

  /** What speaks against an image, of which both documents should have come. */
  faultOf(reference: string): PackferryError | undefined {
    if (this.#accepted.has(reference)) return undefined;
    const known = this.errors.find(({ message }) => message.startsWith(`${reference}: `));
    return (
      known ??
      new PackferryError('E_DIGEST_MISMATCH', `${reference}: its manifest or its config is damaged`, {
        hint: 'Copy the archive again from where the bundle was made.',
      })
    );
  }

  take(blob: Descriptor, bytes: Buffer): undefined {
    // A copy: the piece of the file that it is part of is much larger.
    if (this.wants(blob)) this.#parts.push(Buffer.from(bytes));
  }

  end({ digest, size }: Descriptor, intact: boolean): undefined {
    const images = [...(this.#wanted.get(digest) ?? [])];
    if (images.length === 0) return;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    if (size > limits.imageConfig) {
      for (const { reference } of images) {
        const message = `${reference}: ${digest} is too large for a document`;
        this.errors.push(new PackferryError('E_LIMIT_EXCEEDED', message));
      }
      return;
    }
    if (!intact) return;
    this.#documents.set(digest, bytes);
    for (const image of images) this.#judge(image);
  }

  #judge(image: BundleImage): void {
    const manifest = this.#documents.get(image.manifest.digest);
    const config = this.#documents.get(image.config.digest);
    if (manifest === undefined || config === undefined) return;
    for (const { digest } of [image.manifest, image.config]) {
      this.#wanted.get(digest)?.delete(image);
      if (this.#wanted.get(digest)?.size === 0) this.#documents.delete(digest);
    }
    try {
      checkImage(image, manifest, config, this.#platform);
      this.#accepted.add(image.reference);
    } catch (fault) {
      this.errors.push(asPackferryError(fault));
    }
  }
}

function checkImage(
  image: BundleImage,
  manifestBytes: Buffer,
  configBytes: Buffer,
  platform: Platform,
): void {
  const { reference } = image;
  const manifest = parseManifest(manifestBytes, image.manifest, reference);
  const config = parseConfig(configBytes, reference);
  const layers = joinLayers(manifest, config, reference);
  if (manifest.config.digest !== image.config.digest || manifest.config.size !== image.config.size) {
    throw contradiction(reference, 'the manifest names another config');
  }
  if (JSON.stringify(layers.map(identityOf)) !== JSON.stringify(image.layers.map(identityOf))) {
    throw contradiction(reference, 'the manifest and the config name other layers');
  }
  if (!configFits(config, platform)) {
    throw contradiction(reference, `the image is for ${formatPlatform(config)}`);
  }
}

function identityOf({
  digest,
  size,
  diffId,
}: BundleImage['layers'][number]): readonly [string, number, string] {
  return [digest, size, diffId];
}

function contradiction(reference: string, why: string): PackferryError {
  return new PackferryError('E_IMAGE_MALFORMED', `${reference}: bundle.json does not fit the image: ${why}`);
}
