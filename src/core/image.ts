import type { Digest } from './digest.ts';
import type { Platform } from './platform.ts';

/** What a manifest says of a blob: its media type, digest and size in bytes (OCI image specification). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** A layer blob with the digest of its uncompressed content, by which engines know it. */
export interface Layer extends Descriptor {
  readonly diffId: Digest;
}

/**
 * An image whose reference has been resolved: from here on only digests count. `config.digest` is the image ID of
 * Docker's classic store and of Podman.
 */
export interface LockedImage {
  /** Fully qualified, e.g. `docker.io/demisto/python3:3.12.13.11694875`. */
  readonly reference: string;
  readonly platform: Platform;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Layer[];
  /** The endpoint that answered, e.g. `registry://docker.io`. */
  readonly source: string;
  /**
   * Set for an image as an engine has it, which unpacks images and forgets their manifests: `manifest` then stands for the
   * config, each layer is its own content without compression (`digest` is `diffId`), and sizes are no more than what the
   * engine counts, spread evenly.
   */
  readonly isUnpacked?: true;
  /** Why its makers have given it up, perhaps an empty text; absent: they have not, as far as it says. */
  readonly deprecated?: string;
}

/** Every blob of an image, manifest and config first, each digest once. */
export function blobsOf(image: Pick<LockedImage, 'manifest' | 'config' | 'layers'>): Descriptor[] {
  const seen = new Map<Digest, Descriptor>();
  for (const { mediaType, digest, size } of [image.manifest, image.config, ...image.layers]) {
    if (!seen.has(digest)) seen.set(digest, { mediaType, digest, size });
  }
  return [...seen.values()];
}

/** Every blob of several images, each digest once. */
export function uniqueBlobs(
  images: readonly Pick<LockedImage, 'manifest' | 'config' | 'layers'>[],
): Descriptor[] {
  const seen = new Map<Digest, Descriptor>();
  for (const blob of images.flatMap(blobsOf)) if (!seen.has(blob.digest)) seen.set(blob.digest, blob);
  return [...seen.values()];
}

/** The sum of the sizes, in bytes. */
export function totalSize(blobs: readonly { readonly size: number }[]): number {
  return blobs.reduce((sum, blob) => sum + blob.size, 0);
}
