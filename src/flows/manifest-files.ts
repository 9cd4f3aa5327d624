import path from 'node:path';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { isGlob } from '../core/glob.ts';
import { sumUp } from '../core/sum-up.ts';
import { readDeprecatedImages, type DeprecatedImages } from '../pack/deprecated-images.ts';
import { expandGlob } from '../pack/expand-glob.ts';
import { readXsoarConfig, type CustomPack } from '../pack/marketplace/xsoar-config.ts';
import { nativeImageOf, readNativeConfig } from '../pack/native-config.ts';
import type { NativeImage } from '../pack/native-images.ts';
import { placeIn, type ExportManifest, type ManifestMarketplacePack, type ManifestText } from './manifest.ts';

/** A pack that is asked for, and which line of the manifest leads to it. */
export interface PlacedRequest extends ManifestMarketplacePack {
  /** The file in which it is asked for, when that is not the manifest itself. */
  readonly file?: string;
}

/** What the files say that a manifest points at. */
export interface ManifestFiles {
  /** Every pack path, patterns replaced by what they stand for; each once. */
  readonly packs: readonly string[];
  /** For these paths, the first place that asks for each, as `FILE:LINE:COLUMN: `. */
  readonly places: ReadonlyMap<string, string>;
  /** Packs that the marketplace is to be asked for; those of `xsoar_config.json` files come last. */
  readonly requests: readonly PlacedRequest[];
  readonly native: readonly NativeImage[];
  readonly deprecated: DeprecatedImages;
}

/**
 * Reads everything that a manifest points at, but for the packs themselves. Throws all mistakes at once, each with the
 * place in the manifest: `E_PACK_NOT_FOUND` for a pattern that matches nothing, `E_MANIFEST_INVALID` for lists.
 */
export async function readManifestFiles(manifest: ExportManifest): Promise<ManifestFiles> {
  const mistakes: PackferryError[] = [];
  const at = async <T>(place: ManifestText, work: () => Promise<T> | T): Promise<T | undefined> => {
    try {
      return await work();
    } catch (fault) {
      const error = asPackferryError(fault);
      mistakes.push(error.with(`${placeIn(manifest, place)}${error.message}`));
      return undefined;
    }
  };
  const places = new Map<string, string>();
  const add = (pack: string, place: ManifestText, more = ''): void => {
    if (!places.has(pack)) places.set(pack, `${placeIn(manifest, place)}${more}`);
  };
  for (const place of manifest.packs) {
    for (const pack of (await at(place, () => packsAt(place.text))) ?? []) add(pack, place);
  }

  const requests: PlacedRequest[] = [...manifest.marketplacePacks];
  for (const place of manifest.xsoarConfigs) {
    const read = await at(place, () => readXsoarConfig(place.text));
    const { line, column, text: file, dependencies } = place;
    for (const { pack, version } of read?.marketplacePacks ?? []) {
      requests.push({ pack, version, dependencies, file, line, column });
    }
    for (const pack of read?.customPacks ?? []) {
      const found = await at(place, () => customPackAt(pack, file));
      if (found !== undefined) add(found, place, `${file}: `);
    }
  }

  const { native: versions, nativeConfig } = manifest.include;
  const config = nativeConfig && (await at(nativeConfig, () => readNativeConfig(nativeConfig.text)));
  const native: NativeImage[] = [];
  for (const version of config === undefined ? [] : versions) {
    const image = await at(version, () => config && nativeImageOf(config, version.text));
    if (image !== undefined) native.push(image);
  }
  const { deprecatedImages } = manifest;
  const deprecated =
    deprecatedImages && (await at(deprecatedImages, () => readDeprecatedImages(deprecatedImages.text)));

  if (mistakes.length > 0) throw sumUp('E_MANIFEST_INVALID', manifest.path, mistakes);
  return { packs: [...places.keys()], places, requests, native, deprecated: deprecated ?? new Map() };
}

function customPackAt(pack: CustomPack, file: string): string {
  if ('path' in pack) return pack.path;
  throw new PackferryError('E_MANIFEST_INVALID', `${file}: the custom pack ${pack.id} lies at ${pack.url}`, {
    hint: 'Download it, and write the path of its zip there instead.',
  });
}

async function packsAt(pattern: string): Promise<string[]> {
  // A path without a pattern stays as it was written; whether it exists, the scan will tell.
  if (!isGlob(pattern)) return [pattern];
  const found = await expandGlob(path.resolve(pattern));
  if (found.length > 0) return found;
  throw new PackferryError('E_PACK_NOT_FOUND', `no folder or content file matches ${pattern}`, {
    hint: '"*" stands for one name, "**" for any number of folders, "[ab]" for one of the characters.',
  });
}
