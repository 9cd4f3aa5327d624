import type { Digest } from '../core/digest.ts';
import { blobsOf, type Descriptor } from '../core/image.ts';
import { PackferryError } from '../core/errors.ts';
import type { PlainLayer } from './plain-layer.ts';
import { blobPath, indexDocument, indexEntry, saveDocument, type ArchiveImage } from './save-documents.ts';
import { blockSize, endOfArchive, memberSize } from './tar-frame.ts';

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
  /** The blob is decompressed on its way into the archive. */
  readonly plain?: PlainLayer;
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
  /** Blobs that stay out because the receiver has them: the archive is then good for that receiver alone. */
  readonly without?: ReadonlySet<Digest>;
  /**
   * The sizes in bytes of layers that stand in it decompressed, by the digests of their blobs: for Docker's classic store, which goes by
   * `manifest.json` and compares layers with their diff IDs. As an OCI image layout the archive is no good then.
   */
  readonly plainSizes?: ReadonlyMap<Digest, number>;
}

/**
 * Lays out the one archive that every engine takes: at once a `docker save` archive and an OCI image layout, each
 * blob once, in the order of the images. The same images give the same bytes. Throws `E_IMAGE_MALFORMED` when images
 * disagree about the size of a blob.
 */
export function planArchive(images: readonly ArchiveImage[], options: PlanOptions): ArchivePlan {
  const layout = documentEntry('oci-layout', layoutDocument);
  const commit = [
    documentEntry('index.json', indexOf(images)),
    documentEntry('manifest.json', saveDocument(images)),
  ];
  const { without, plainSizes } = options;
  const blobs = blobEntries(images)
    .filter(({ blob }) => without?.has(blob.digest) !== true)
    .map((entry): BlobEntry => {
      const size = plainSizes?.get(entry.blob.digest);
      return size === undefined ? entry : { ...entry, plain: { size } };
    });
  return layOut(
    options.commitRecord === 'first' ? [layout, ...commit, ...blobs] : [layout, ...blobs, ...commit],
  );
}

/** Gives every member of an archive its place. */
export function layOut(members: readonly (DocumentEntry | BlobEntry)[]): ArchivePlan {
  let offset = 0;
  const entries = members.map((member): PlannedEntry => {
    const size =
      member.kind === 'document' ? member.content.length : (member.plain?.size ?? member.blob.size);
    const headerOffset = offset;
    offset += memberSize(size);
    return { ...member, size, headerOffset, dataOffset: headerOffset + blockSize };
  });
  return { entries, endOffset: offset, size: offset + endOfArchive.length };
}

/** `oci-layout`, the marker file of an OCI image layout. */
export const layoutDocument = { imageLayoutVersion: '1.0.0' } as const;

/** `index.json` of an archive with these images. */
export function indexOf(images: readonly ArchiveImage[]): unknown {
  return indexDocument(images.map(indexEntry));
}

function blobEntries(images: readonly ArchiveImage[]): BlobEntry[] {
  const entries = new Map<string, BlobEntry>();
  for (const image of images) {
    for (const blob of blobsOf(image)) {
      const name = blobPath(blob);
      const before = entries.get(name)?.blob;
      if (before === undefined) {
        entries.set(name, { kind: 'blob', name, blob });
      } else if (before.size !== blob.size) {
        const sizes = `${blob.size} bytes here and ${before.size} in another image`;
        throw new PackferryError('E_IMAGE_MALFORMED', `${image.reference}: blob ${blob.digest} has ${sizes}`);
      }
    }
  }
  return [...entries.values()];
}

/** A member with a JSON document. */
export function documentEntry(name: string, value: unknown): DocumentEntry {
  return { kind: 'document', name, content: Buffer.from(JSON.stringify(value)) };
}
