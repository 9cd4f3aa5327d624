import type { Digest } from '../../core/digest.ts';
import { foreignLayers, type WrittenLayer } from '../../core/foreign-layers.ts';
import { configFits } from '../../core/platform.ts';
import { digestMismatch } from '../../core/verify-stream.ts';
import { blobPath } from '../save-documents.ts';
import { archiveFault, shownName } from '../tar/archive-fault.ts';
import { memberName } from '../tar/member-name.ts';
import type { SaveFiles } from './read-save.ts';
import type { SaveFile } from './save-file.ts';
import { namesOf, readSaveManifest, refuseContradictions, type SaveEntry } from './save-entries.ts';
import { KnownDocuments } from './known-documents.ts';
import { readGraph, type GraphManifest } from './save-graph.ts';
import type { SaveContents, SavedImage, SaveGap } from './saved-image.ts';

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
  const documents = new KnownDocuments(save, graph);
  const fromManifest = entries.map((entry) => fromEntry(documents, entry));
  const known = new Set(entries.map(({ Config }) => Config));
  const others = graph.filter(({ document }) => !known.has(blobPath(document.config)));
  const all = [...fromManifest, ...others.flatMap((entry) => fromGraph(documents, entry))];
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

function fromEntry(documents: KnownDocuments, entry: SaveEntry): Found {
  const { save } = documents;
  const config = fileAt(save, entry.Config);
  const names = namesOf(save.archive, entry);
  const written = entry.Layers ?? [];
  if (config === undefined) {
    const { digests, platform, foreign } = documents.leadingTo(entry.Config);
    const missing = missingOf(save, [entry.Config, ...written]);
    const sources = [...foreign, ...foreignSources(entry)];
    return { gap: { names, digests, platform, config: entry.Config, missing, foreign: sources } };
  }
  const { diffIds, platform } = documents.config(config);
  if (written.length !== diffIds.length) {
    const what = `manifest.json has ${written.length} layers for it, the config itself ${diffIds.length}`;
    throw archiveFault(save.archive, entry.Config, what);
  }
  const layers = diffIds.map((diffId, at) => layerAt(save, written[at] ?? '', diffId));
  const { digests, kept: manifest, foreign } = documents.leadingTo(blobPath(config));
  const image = {
    names,
    platform,
    config,
    layers: manifest?.layers.map((layer, at) => layerAt(save, blobPath(layer), diffIds[at])) ?? layers,
    manifest,
    digests,
    missing: manifest === undefined ? missingOf(save, written) : [],
    foreign: [...foreign, ...foreignSources(entry)],
  };
  return { image };
}

/** An image that only the OCI documents name; none when it is no image but an attestation. */
function fromGraph(documents: KnownDocuments, entry: GraphManifest): Found[] {
  const { save } = documents;
  const { document, digests, names } = entry;
  const files = [document.config, ...document.layers].map(blobPath);
  const missing = missingOf(save, files);
  const foreign = foreignLayers(document.layers);
  const config = save.files.get(blobPath(document.config));
  if (config === undefined) {
    const { platform } = entry;
    const gap = { names, digests, platform, config: blobPath(document.config), missing, foreign };
    return platform?.os === 'unknown' ? [] : [{ gap }];
  }
  const { diffIds, platform } = documents.config(config);
  if (platform.os === 'unknown') return [];
  if (diffIds.length !== document.layers.length) {
    const what = `its manifest has ${document.layers.length} layers, its config ${diffIds.length}`;
    throw archiveFault(save.archive, blobPath(entry.descriptor), what);
  }
  const layers = document.layers.map((layer, at) => layerAt(save, blobPath(layer), diffIds[at]));
  const manifest = documents.kept(entry);
  return [{ image: { names, platform, config, layers, manifest, digests, missing, foreign } }];
}

/** What `manifest.json` says of layers that are kept elsewhere. */
function foreignSources({ LayerSources }: SaveEntry): readonly WrittenLayer[] {
  return foreignLayers(Object.values(LayerSources ?? {}));
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

/** Each image once, with all its names; a name with two meanings is refused. */
function joined(archive: string, images: readonly SavedImage[]): SavedImage[] {
  const byConfig = new Map<Digest, SavedImage[]>();
  for (const image of images) {
    const others = byConfig.get(image.config.digest);
    if (others === undefined) byConfig.set(image.config.digest, [image]);
    else others.push(image);
  }
  const whole = [...byConfig.values()].map(joinAll);
  const byName = new Map<string, SavedImage[]>();
  for (const image of whole) {
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
  return whole;
}

/** One image with all that is known of it: the manifest that can be kept, else the entry that lacks least. */
function joinAll(images: readonly SavedImage[]): SavedImage {
  const best = images.reduce((first, second) =>
    first.manifest !== undefined ||
    (second.manifest === undefined && first.missing.length <= second.missing.length)
      ? first
      : second,
  );
  // Entries with one config share their list.
  const digests = [...new Set(images.map((image) => image.digests))].flat();
  return {
    ...best,
    names: [...new Set(images.flatMap(({ names }) => names))],
    digests: [...new Set(digests)],
  };
}
