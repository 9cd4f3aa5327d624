import { isDeepStrictEqual } from 'node:util';
import { PackferryError } from '../core/errors.ts';
import type { Layer, LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import type { Confirmation } from '../core/ports.ts';
import { parseReference } from '../core/reference.ts';
import type { LayoutIndex } from '../schema/oci-layout.ts';
import type { GoodBlobs } from './good-blobs.ts';
import { readDocument, readLayout } from './layout-folder.ts';
import { isNamed, layoutName } from './layout-names.ts';
import { joinLayers, parseConfig, parseManifest } from './oci-documents.ts';

/** `index.json` of a folder that was opened as a target. Throws `E_TARGET_UNWRITABLE` when it is no layout any more. */
export async function requireTarget(dir: string): Promise<LayoutIndex> {
  const index = await readLayout(dir);
  if (index !== undefined) return index;
  throw new PackferryError('E_TARGET_UNWRITABLE', `oci:${dir}: the file "oci-layout" is gone`, {
    hint: 'Something else works on this folder. Run again when it has ended.',
  });
}

/**
 * Reads back from the disk whether a layout holds exactly this image under its name: manifest and configuration by
 * digest, layers too unless `good` knows them. What is damaged or missing is the reason of a "no", not an error.
 */
export async function confirmImage(
  dir: string,
  good: GoodBlobs,
  image: LockedImage,
  signal?: AbortSignal,
): Promise<Confirmation> {
  try {
    const fault = await faultOf(dir, good, image, signal);
    return fault === undefined
      ? { confirmed: true, id: image.config.digest }
      : { confirmed: false, reason: fault };
  } catch (fault) {
    signal?.throwIfAborted();
    if (fault instanceof PackferryError) return { confirmed: false, reason: fault.message };
    throw fault;
  }
}

async function faultOf(
  dir: string,
  good: GoodBlobs,
  image: LockedImage,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const index = await requireTarget(dir);
  const name = layoutName(parseReference(image.reference));
  const holders = index.manifests.filter((entry) => isNamed(entry, name));
  const [holder] = holders;
  if (holder === undefined) return `index.json does not name ${name}`;
  if (holders.length > 1) return `index.json names ${name} more than once`;
  if (holder.digest !== image.manifest.digest) return `${name} stands for ${holder.digest}`;

  const manifestBytes = await readDocument(dir, image.manifest, limits.imageManifest);
  const manifest = parseManifest(manifestBytes, image.manifest, `manifest ${image.manifest.digest}`);
  if (manifest.config.digest !== image.config.digest) return 'the manifest names another configuration';
  const configBytes = await readDocument(dir, image.config, limits.imageConfig);
  const config = parseConfig(configBytes, `configuration ${image.config.digest}`);
  const layers = joinLayers(manifest, config, name);
  if (!isDeepStrictEqual(layers.map(identityOf), image.layers.map(identityOf)))
    return 'the layers are others';
  for (const layer of layers) {
    if (!(await good.has(layer, signal))) return `layer ${layer.digest} is missing or damaged`;
  }
  return undefined;
}

function identityOf({ digest, size, diffId }: Layer): unknown {
  return [digest, size, diffId];
}
