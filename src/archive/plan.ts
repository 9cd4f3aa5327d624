import { hexOf } from '../core/digest.ts';
import { blobsOf, type Descriptor, type LockedImage } from '../core/image.ts';
import { parseReference, tagNameOf } from '../core/reference.ts';
import { blockSize, endOfArchive, paddingOf } from './tar-frame.ts';

/** What an archive needs to know of an image. */
export type ArchiveImage = Pick<LockedImage, 'reference' | 'manifest' | 'config' | 'layers'>;

/** A member whose bytes are known when the archive is planned. */
export interface DocumentEntry {
  readonly kind: 'document';
  readonly name: string;
  readonly content: Buffer;
}

/** A member whose bytes come from a source, and are known by digest and size. */
export interface BlobEntry {
  readonly kind: 'blob';
  readonly name: string;
  readonly blob: Descriptor;
}

/** A member of a planned archive with its place: offsets and sizes in bytes. */
export type PlannedEntry = (DocumentEntry | BlobEntry) & {
  readonly size: number;
  readonly headerOffset: number;
  readonly dataOffset: number;
};

/** A whole archive, byte for byte except for the content of the blobs. */
export interface ArchivePlan {
  readonly entries: readonly PlannedEntry[];
  /** Where the two closing zero blocks start. */
  readonly endOffset: number;
  /** Length of the archive in bytes. */
  readonly size: number;
}

export interface PlanOptions {
  /**
   * Where `index.json` and `manifest.json` stand. In files `first`, so that `tar` and people find them; in a stream to
   * an engine `last`: without them the engine keeps nothing of what came before.
   */
  readonly commitRecord: 'first' | 'last';
}

/**
 * Lays out the one archive that every engine takes: at once a `docker save` archive and an OCI image layout, each
 * blob once, in the order of the images. The same images give the same bytes.
 */
export function planArchive(images: readonly ArchiveImage[], options: PlanOptions): ArchivePlan {
  const layout = documentEntry('oci-layout', { imageLayoutVersion: '1.0.0' });
  const commit = [
    documentEntry('index.json', indexOf(images)),
    documentEntry('manifest.json', manifestOf(images)),
  ];
  const blobs = blobEntries(images);
  const members =
    options.commitRecord === 'first' ? [layout, ...commit, ...blobs] : [layout, ...blobs, ...commit];

  let offset = 0;
  const entries = members.map((member): PlannedEntry => {
    const size = member.kind === 'document' ? member.content.length : member.blob.size;
    const headerOffset = offset;
    offset += blockSize + size + paddingOf(size);
    return { ...member, size, headerOffset, dataOffset: headerOffset + blockSize };
  });
  return { entries, endOffset: offset, size: offset + endOfArchive.length };
}

/** The name of a blob inside an archive or an OCI layout folder. */
export function blobPath(blob: Pick<Descriptor, 'digest'>): string {
  return `blobs/sha256/${hexOf(blob.digest)}`;
}

function blobEntries(images: readonly ArchiveImage[]): BlobEntry[] {
  const entries = new Map<string, BlobEntry>();
  for (const image of images) {
    for (const blob of blobsOf(image)) {
      const name = blobPath(blob);
      if (!entries.has(name)) entries.set(name, { kind: 'blob', name, blob });
    }
  }
  return [...entries.values()];
}

function documentEntry(name: string, value: unknown): DocumentEntry {
  return { kind: 'document', name, content: Buffer.from(JSON.stringify(value)) };
}

/** `index.json`: Podman before 4 and skopeo read `ref.name`, containerd reads its own annotation. */
export function indexOf(images: readonly ArchiveImage[]): unknown {
  return {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: images.map(({ reference, manifest: { mediaType, digest, size } }) => {
      const name = tagNameOf(parseReference(reference));
      const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name };
      return { mediaType, digest, size, ...(name === undefined ? {} : { annotations }) };
    }),
  };
}

/** `manifest.json` of `docker save`: one entry an image, with all its names. */
function manifestOf(images: readonly ArchiveImage[]): unknown {
  const byManifest = new Map<string, { Config: string; RepoTags: string[]; Layers: string[] }>();
  for (const image of images) {
    const name = tagNameOf(parseReference(image.reference));
    const entry = byManifest.get(image.manifest.digest) ?? {
      Config: blobPath(image.config),
      RepoTags: [],
      Layers: image.layers.map(blobPath),
    };
    if (name !== undefined) entry.RepoTags.push(name);
    byManifest.set(image.manifest.digest, entry);
  }
  return [...byManifest.values()];
}
