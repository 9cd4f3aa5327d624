import { joinLayers, parseConfig, parseManifest } from '../archive/oci-documents.ts';
import { collect } from '../core/collect.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { configFits, formatPlatform } from '../core/platform.ts';
import type { ImageSource } from '../core/ports.ts';
import { formatReference, lockedNameOf, type ImageReference } from '../core/reference.ts';
import { verified } from '../core/verify-stream.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { AllowedSigners } from '../trust/allowed-signers.ts';
import { BlobPlaces } from './blob-places.ts';
import { listFolder, readBundleFile } from './folder.ts';
import { bundleFiles } from './names.ts';
import { checkFreshness } from './freshness.ts';
import { checkSignature } from './open.ts';
import { readDocument } from './read-document.ts';
import { blobNotFound, imageNamed, lockedImageOf } from './source.ts';

export interface BundleFolderOptions {
  /** The keys whose word on names counts; asked for only when a name has to be believed. */
  readonly trustedKeys: () => Promise<AllowedSigners>;
  /** The one reading of the clock: decides on expiry and on the validity of keys. */
  readonly now: Date;
  readonly emit: Emit;
}

/**
 * A bundle's folder as a source of images, without reading it whole. Content is found by digest and hashed, so it needs
 * no trust. That a name stands for a digest is what the bundle says: it is believed when a trusted key has signed
 * it and it has not expired. An image that is asked for by its digest needs neither. Throws `E_BUNDLE_NOT_FOUND`, or
 * what is wrong with the folder or its document.
 */
export async function openBundleFolder(dir: string, options: BundleFolderOptions): Promise<ImageSource> {
  const name = `bundle:${dir}`;
  const said = await readUnbelieved(dir);
  const places = new BlobPlaces(dir, said);
  let signed: Promise<BundleDocument> | undefined;
  const believed = (): Promise<BundleDocument> => (signed ??= readBelieved(dir, options));

  const openBlob: ImageSource['openBlob'] = async (image, blob, blobOptions) => {
    const content = await places.open(blob.digest, blobOptions);
    if (content === undefined) throw blobNotFound({ dir, document: said }, image, blob);
    return content;
  };
  return {
    name,
    async resolve(reference, platform, signal) {
      const pinned = said.images.find(({ manifest }) => manifest.digest === reference.digest);
      const found = pinned ?? imageNamed(await believed(), reference);
      if (found === undefined) throw notFound(name, said, reference);
      const image = { ...lockedImageOf(found, platform), reference: lockedNameOf(reference), source: name };
      const read = async (blob: Descriptor, maxBytes: number): Promise<Buffer> => {
        const what = `${image.reference}: ${blob.digest} in ${name}`;
        const content = await openBlob(image, blob, signal === undefined ? {} : { signal });
        return collect(verified(content, blob, { name: what }), maxBytes, what);
      };
      return withItsOwnWords(image, read);
    },
    openBlob,
    close: () => Promise.resolve(),
  };
}

/** bundle.json, read strictly; nothing vouches for it. */
export async function readUnbelieved(dir: string): Promise<BundleDocument> {
  const { files } = await listFolder(dir);
  if (!files.has(bundleFiles.document)) {
    throw new PackferryError('E_BUNDLE_NOT_FOUND', `${dir}: there is no ${bundleFiles.document} in it`, {
      hint: 'Give the folder of a bundle, the one with SHA256SUMS in it.',
    });
  }
  return readDocument(await readBundleFile(dir, bundleFiles.document, limits.bundleJson)).document;
}

/** bundle.json, when a trusted key has signed it and it has not expired. */
async function readBelieved(dir: string, options: BundleFolderOptions): Promise<BundleDocument> {
  const { now, emit } = options;
  try {
    const { document, sumsSha256 } = await checkSignature(dir, {
      allowed: await options.trustedKeys(),
      now,
      emit,
    });
    // A source is no import: what was accepted here before does not matter.
    await checkFreshness({ document, sumsSha256, now }, {}, emit);
    return document;
  } catch (fault) {
    const error = asPackferryError(fault);
    throw error.with(`bundle:${dir} is not believed what its names stand for: ${error.message}`);
  }
}

/** The image as its own manifest and configuration describe it, which its digest vouches for. */
async function withItsOwnWords(
  image: LockedImage,
  read: (blob: Descriptor, maxBytes: number) => Promise<Buffer>,
): Promise<LockedImage> {
  const { reference, platform: wanted, source } = image;
  const bytes = await read(image.manifest, limits.imageManifest);
  const manifest = parseManifest(bytes, image.manifest, `${reference}: manifest in ${source}`);
  const what = `${reference}: config in ${source}`;
  const { diffIds, ...platform } = parseConfig(await read(manifest.config, limits.imageConfig), what);
  if (!configFits(platform, wanted)) {
    const there = `${source} has it for ${formatPlatform(platform)} only`;
    throw new PackferryError('E_PLATFORM_NOT_FOUND', `${reference}: ${there}`, {
      hint: 'Choose another platform or another source.',
    });
  }
  return { ...image, platform, config: manifest.config, layers: joinLayers(manifest, { diffIds }, what) };
}

function notFound(name: string, { images }: BundleDocument, reference: ImageReference): PackferryError {
  const some = images.slice(0, 5).map((image) => image.reference);
  return new PackferryError('E_IMAGE_NOT_FOUND', `${formatReference(reference)}: not in ${name}`, {
    hint: `It has ${images.length} images: ${some.join(', ')}${images.length > 5 ? ', ...' : ''}.`,
  });
}
