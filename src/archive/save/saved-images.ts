import type { Digest } from '../../core/digest.ts';
import { configFits, type Platform } from '../../core/platform.ts';
import { digestMismatch } from '../../core/verify-stream.ts';
import { parseConfig, type ImageConfig } from '../oci-documents.ts';
import { blobPath } from '../save-documents.ts';
import { archiveFault, shownName } from '../tar/archive-fault.ts';
import { memberName } from '../tar/member-name.ts';
import type { SaveFiles } from './read-save.ts';
import type { SaveFile } from './save-file.ts';
import { namesOf, readSaveManifest, refuseContradictions, type SaveEntry } from './save-entries.ts';
import { documentOf, readGraph, type GraphManifest } from './save-graph.ts';
import type { KeptManifest, SaveContents, SavedImage, SaveGap } from './saved-image.ts';

/**
 * The images of a save, whichever program wrote it. `manifest.json` says what they consist of; the OCI documents are
 * used where they agree with it, and add what only they know: manifests as the registry had them, and images of other
 * platforms. Where both name an image differently the archive means two things and is refused. Errors:
 * `E_ARCHIVE_MALFORMED`, `E_DIGEST_MISMATCH`, `E_IMAGE_MALFORMED`, `E_JSON_INVALID`.
 */
export function savedImages(save: SaveFiles): SaveContents {
  const file = save.files.get('manifest.json');
  const graph = readGraph(save);
  if (file === undefined && graph.length === 0) {
    const what = 'no image archive: there is no manifest.json, and no OCI image';
    throw archiveFault(save.archive, undefined, what);
  }
  const entries = file === undefined ? [] : readSaveManifest(save.archive, file);
  refuseContradictions(save, entries, graph);
  const fromManifest = entries.map((entry) => fromEntry(save, entry, graph));
  const known = new Set(entries.map(({ Config }) => Config));
  const others = graph.filter(({ document }) => !known.has(blobPath(document.config)));
  const all = [...fromManifest, ...others.flatMap((entry) => fromGraph(save, entry))];
  return {
    images: joined(
      save.archive,
      all.flatMap(({ image }) => (image === undefined ? [] : [image])),
    ),
    gaps: all.flatMap(({ gap }) => (gap === undefined ? [] : [gap])),
  };
}

/** An image, or what there is of one. */
type Found =
  | { readonly image: SavedImage; readonly gap?: undefined }
  | { readonly gap: SaveGap; readonly image?: undefined };

function fromEntry(save: SaveFiles, entry: SaveEntry, graph: readonly GraphManifest[]): Found {
  const config = fileAt(save, entry.Config);
  const names = namesOf(save.archive, entry);
  const written = entry.Layers ?? [];
  if (config === undefined) {
    const own = graph.filter(({ document }) => blobPath(document.config) === entry.Config);
    const digests = own.flatMap((one) => one.digests);
    const missing = missingOf(save, [entry.Config, ...written]);
    return { gap: { names, digests, platform: own[0]?.platform, config: entry.Config, missing } };
  }
  const { diffIds, platform } = readConfig(save, config);
  if (written.length !== diffIds.length) {
    const what = `manifest.json has ${written.length} layers for it, the config itself ${diffIds.length}`;
    throw archiveFault(save.archive, entry.Config, what);
  }
  const layers = diffIds.map((diffId, at) => layerAt(save, written[at] ?? '', diffId));
  const own = graph.filter(({ document }) => document.config.digest === config.digest);
  const manifest = own.map((one) => keptManifest(save, one, diffIds)).find((one) => one !== undefined);
  const image = {
    names,
    platform,
    config,
    layers: manifest?.layers.map((layer, at) => layerAt(save, blobPath(layer), diffIds[at])) ?? layers,
    manifest,
    digests: own.flatMap(({ digests }) => digests),
    missing: manifest === undefined ? missingOf(save, written) : [],
  };
  return { image };
}

/** An image that only the OCI documents name; none when it is no image but an attestation. */
function fromGraph(save: SaveFiles, entry: GraphManifest): Found[] {
  const { document, digests, names } = entry;
  const files = [document.config, ...document.layers].map(blobPath);
  const missing = missingOf(save, files);
  const config = save.files.get(blobPath(document.config));
  if (config === undefined) {
    const gap = { names, digests, platform: entry.platform, config: blobPath(document.config), missing };
    return gap.platform?.os === 'unknown' ? [] : [{ gap }];
  }
  const { diffIds, platform } = readConfig(save, config);
  if (platform.os === 'unknown') return [];
  if (diffIds.length !== document.layers.length) {
    const what = `its manifest has ${document.layers.length} layers, its config ${diffIds.length}`;
    throw archiveFault(save.archive, blobPath(entry.descriptor), what);
  }
  const layers = document.layers.map((layer, at) => layerAt(save, blobPath(layer), diffIds[at]));
  const manifest = keptManifest(save, entry, diffIds);
  return [{ image: { names, platform, config, layers, manifest, digests, missing } }];
}

function missingOf(save: SaveFiles, written: readonly string[]): string[] {
  return written.filter((name) => fileAt(save, name) === undefined).map(shownName);
}

function fileAt(save: SaveFiles, written: string): SaveFile | undefined {
  const named = memberName(written);
  if ('fault' in named) throw archiveFault(save.archive, 'manifest.json', named.fault);
  return save.files.get(named.name);
}

function layerAt(save: SaveFiles, written: string, diffId: Digest | undefined): SavedImage['layers'][number] {
  const file = fileAt(save, written);
  if (diffId === undefined)
    throw archiveFault(save.archive, written, 'a layer that the config does not know');
  if (file === undefined) return { diffId, file };
  if (file.diffId === 'broken')
    throw archiveFault(save.archive, written, 'a layer that cannot be decompressed');
  if (file.diffId !== 'unknown' && file.diffId !== diffId) {
    throw digestMismatch(`${save.archive}: layer ${shownName(written)}`, diffId, file.diffId);
  }
  return { diffId, file };
}

function readConfig(
  save: SaveFiles,
  file: SaveFile,
): { diffIds: ImageConfig['diffIds']; platform: Platform } {
  const name = `${save.archive}: ${shownName(file.name)}`;
  const { diffIds, ...platform } = parseConfig(documentOf(file, name), name);
  return { diffIds, platform };
}

/**
 * The manifest if it can be kept: every layer is there, compressed, with the size and content that it says. That of
 * Docker's classic store names layers that are not compressed: it was made for the save, and is made anew here.
 */
function keptManifest(
  save: SaveFiles,
  { descriptor, document }: GraphManifest,
  diffIds: readonly Digest[],
): KeptManifest | undefined {
  const bytes = save.files.get(blobPath(descriptor))?.bytes;
  const config = save.files.get(blobPath(document.config));
  const fits =
    document.layers.length === diffIds.length &&
    config?.size === document.config.size &&
    document.layers.every((layer, at) => {
      const file = save.files.get(blobPath(layer));
      const isContent = file?.diffId === diffIds[at] || file?.diffId === 'unknown';
      return file?.size === layer.size && file.compression !== 'none' && isContent;
    });
  if (bytes?.length !== descriptor.size || !fits) return undefined;
  return { descriptor, bytes, config: document.config, layers: document.layers };
}

/** Each image once, with all its names; a name with two meanings is refused. */
function joined(archive: string, images: readonly SavedImage[]): SavedImage[] {
  const byConfig = new Map<Digest, SavedImage>();
  for (const image of images) {
    const before = byConfig.get(image.config.digest);
    byConfig.set(image.config.digest, before === undefined ? image : join(before, image));
  }
  const byName = new Map<string, SavedImage[]>();
  for (const image of byConfig.values()) {
    for (const name of image.names) {
      const others = byName.get(name) ?? [];
      const twin = others.find(({ platform }) => configFits(platform, image.platform));
      if (twin !== undefined) {
        const what = `${name} stands for ${twin.config.digest} and for ${image.config.digest}`;
        throw archiveFault(archive, undefined, what);
      }
      byName.set(name, [...others, image]);
    }
  }
  return [...byConfig.values()];
}

function join(first: SavedImage, second: SavedImage): SavedImage {
  const isFirst =
    first.manifest !== undefined ||
    (second.manifest === undefined && first.missing.length <= second.missing.length);
  return {
    ...(isFirst ? first : second),
    names: [...new Set([...first.names, ...second.names])],
    digests: [...new Set([...first.digests, ...second.digests])],
  };
}
