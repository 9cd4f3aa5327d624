import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import type { Descriptor, LockedImage } from '../../core/image.ts';
import type { WrittenLayer } from '../../core/foreign-layers.ts';
import type { Platform } from '../../core/platform.ts';
import type { SaveFile } from './save-file.ts';

/** An image of a save, all of whose digests were checked. */
export interface SavedImage {
  /** Full names under which it stands, e.g. `docker.io/demisto/python3:3.12.1`. */
  readonly names: readonly string[];
  readonly platform: Platform;
  readonly config: SaveFile;
  /** Undefined for a layer that the archive leaves out. */
  readonly layers: readonly { readonly diffId: Digest; readonly file: SaveFile | undefined }[];
  /** The manifest as the registry had it: only where all layers are there as it names them. */
  readonly manifest: KeptManifest | undefined;
  /** Of the manifests that name its config, and of the indexes that lead there. */
  readonly digests: readonly Digest[];
  /** What the archive leaves out, by the names that it should have there. */
  readonly missing: readonly string[];
  /** Layers that may not be carried, whether they are there or not. */
  readonly foreign: readonly WrittenLayer[];
}

/** An image of a save that lacks even its config, so that little is known of it. */
export interface SaveGap {
  readonly names: readonly string[];
  readonly digests: readonly Digest[];
  /** As an index says; undefined when none does. */
  readonly platform: Platform | undefined;
  /** The file of the config, as the save calls it. */
  readonly config: string;
  readonly missing: readonly string[];
  readonly foreign: readonly WrittenLayer[];
}

/** What a save holds. */
export interface SaveContents {
  readonly images: readonly SavedImage[];
  readonly gaps: readonly SaveGap[];
}

export interface KeptManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  /** Media types and sizes as it has them, in the order of the layers. */
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The error for an image that was saved with gaps: another source may have all of it. */
export function incomplete(archive: string, reference: string, missing: readonly string[]): PackferryError {
  const some = missing.slice(0, 5).join(', ') + (missing.length > 5 ? ', ...' : '');
  return new PackferryError(
    'E_IMAGE_INCOMPLETE',
    `${reference}: ${archive} lacks ${missing.length} of its blobs: ${some}`,
    {
      hint: "Docker's containerd store leaves out what it did not keep. Pull the image again there, or take it from its registry.",
    },
  );
}

/** The error for a source that has the image of the lock no more, or compresses its layers to other bytes now. */
export function notAsLocked(image: LockedImage, blob: Descriptor, source: string): PackferryError {
  return new PackferryError(
    'E_IMAGE_INCOMPLETE',
    `${image.reference}: blob ${blob.digest} cannot be had from ${source} any more`,
    {
      hint: 'The image there has changed since it was locked, or Node compresses differently now: lock it again.',
    },
  );
}
