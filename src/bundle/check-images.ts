import { joinLayers, parseConfig, parseManifest } from '../archive/oci-documents.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { configFits, formatPlatform } from '../core/platform.ts';
import type { BundleDocument, BundleImage } from '../schema/bundle.ts';
import type { FileHandle } from 'node:fs/promises';
import { openBundleFile, readingFile } from './folder.ts';
import type { ReadVolume } from './read-document.ts';

/**
 * Compares what bundle.json says of each image with what the image's own manifest and config say: an engine goes by
 * those. The archive has been checked byte for byte before. Returns all faults.
 */
export async function checkImages(
  dir: string,
  document: BundleDocument,
  volumes: readonly ReadVolume[],
): Promise<PackferryError[]> {
  const errors: PackferryError[] = [];
  for (const volume of volumes) {
    const file = await openBundleFile(dir, volume.file);
    try {
      for (const image of volume.images) {
        const check = (): Promise<PackferryError | undefined> => checkImage(file, volume, image, document);
        const fault = await readingFile(volume.file, check).catch(asPackferryError);
        if (fault !== undefined) errors.push(fault);
      }
    } finally {
      await file.close();
    }
  }
  return errors;
}

async function checkImage(
  file: FileHandle,
  { plan }: ReadVolume,
  image: BundleImage,
  { platform }: BundleDocument,
): Promise<PackferryError | undefined> {
  const read = async (digest: string): Promise<Buffer> => {
    const entry = plan.entries.find(
      (candidate) => candidate.kind === 'blob' && candidate.blob.digest === digest,
    );
    const size = entry?.size ?? 0;
    if (size > limits.imageConfig) {
      throw new PackferryError(
        'E_LIMIT_EXCEEDED',
        `${image.reference}: ${digest} is too large for a document`,
      );
    }
    const { buffer } = await file.read(Buffer.alloc(size), 0, size, entry?.dataOffset ?? 0);
    return buffer;
  };
  const { reference } = image;
  const manifest = parseManifest(await read(image.manifest.digest), image.manifest, reference);
  const config = parseConfig(await read(image.config.digest), reference);
  const layers = joinLayers(manifest, config, reference);
  if (manifest.config.digest !== image.config.digest || manifest.config.size !== image.config.size) {
    return contradiction(reference, 'the manifest names another config');
  }
  if (JSON.stringify(layers.map(identityOf)) !== JSON.stringify(image.layers.map(identityOf))) {
    return contradiction(reference, 'the manifest and the config name other layers');
  }
  if (!configFits(config, platform)) {
    return contradiction(reference, `the image is for ${formatPlatform(config)}`);
  }
  return undefined;
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
