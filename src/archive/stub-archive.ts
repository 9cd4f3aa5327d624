import { hexOf, type Digest } from '../core/digest.ts';
import type { Layer } from '../core/image.ts';
import { documentEntry, layOut, type ArchivePlan, type BlobEntry, type DocumentEntry } from './plan.ts';
import { engineNameOf, type ArchiveImage } from './save-documents.ts';

/**
 * Lays out the thin archive that Podman takes: one image as skopeo's docker-archive, in which the layers that Podman has
 * (`without`: the digests of their blobs) are files without content. Podman looks layers up by diffID before it reads them, and a layer that it lacks after all
 * fails by its digest (measured on 4.3 and 5.8). Docker's containerd store must never see such an archive: it would
 * believe it. `manifest.json`, the commit record, comes last. Layers of which `plainSizes` has the size are decompressed on the
 * way.
 */
export function planStubArchive(
  image: ArchiveImage,
  without: ReadonlySet<Digest>,
  plainSizes: ReadonlyMap<Digest, number> = new Map(),
): ArchivePlan {
  const config: BlobEntry = { kind: 'blob', name: `${hexOf(image.config.digest)}.json`, blob: image.config };
  // A layer may stand in an image more than once.
  const layers = new Map(image.layers.map((layer) => [layer.diffId, layerEntry(layer, without, plainSizes)]));
  const name = engineNameOf(image);
  const manifest = [
    {
      Config: config.name,
      RepoTags: name === undefined ? [] : [name],
      Layers: image.layers.map(layerName),
    },
  ];
  return layOut([...layers.values(), config, documentEntry('manifest.json', manifest)]);
}

function layerEntry(
  layer: Layer,
  without: ReadonlySet<Digest>,
  plainSizes: ReadonlyMap<Digest, number>,
): BlobEntry | DocumentEntry {
  const name = layerName(layer);
  if (without.has(layer.digest)) return { kind: 'document', name, content: Buffer.alloc(0) };
  const { mediaType, digest, size, diffId } = layer;
  const plain = plainSizes.get(digest);
  const entry: BlobEntry = { kind: 'blob', name, blob: { mediaType, digest, size } };
  return plain === undefined ? entry : { ...entry, plain: { size: plain, diffId } };
}

/** Podman goes by the config; the name only has to be the same in both places. */
function layerName({ diffId }: Layer): string {
  return `${hexOf(diffId)}.tar`;
}
