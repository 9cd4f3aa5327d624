import type { Digest } from '../core/digest.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { Stretch } from './stretches.ts';

/** One blob that has to get into its places; fetched once, however many archives hold it. */
export interface BlobJob {
  readonly blob: Descriptor;
  /** The first image that needs it: registries address blobs by repository. */
  readonly image: LockedImage;
  /** All images that need it, for messages. */
  readonly references: readonly string[];
  readonly places: readonly { readonly archive: ArchiveFile; readonly offset: number }[];
}

/**
 * All blobs of the given archives, in the order in which they stand there: the hash of a whole archive can follow them
 * from its start on, and is all but done when the last one comes. That a long one may be left for the end costs little:
 * it is divided then (crew.ts).
 */
export function blobJobs(archives: readonly ArchiveFile[]): BlobJob[] {
  const places = new Map<Digest, { archive: ArchiveFile; offset: number }[]>();
  const users = new Map<Digest, LockedImage[]>();
  const blobs = new Map<Digest, Descriptor>();
  for (const archive of archives) {
    for (const entry of archive.volume.plan.entries) {
      if (entry.kind !== 'blob') continue;
      const { digest } = entry.blob;
      blobs.set(digest, entry.blob);
      places.set(digest, [...(places.get(digest) ?? []), { archive, offset: entry.dataOffset }]);
    }
    for (const { image } of archive.volume.images) {
      const digests = new Set([image.manifest, image.config, ...image.layers].map(({ digest }) => digest));
      for (const digest of digests) users.set(digest, [...(users.get(digest) ?? []), image]);
    }
  }
  return [...blobs.values()].flatMap((blob) => {
    const images = users.get(blob.digest) ?? [];
    const [image] = images;
    const references = images.map(({ reference }) => reference);
    return image === undefined ? [] : [{ blob, image, references, places: places.get(blob.digest) ?? [] }];
  });
}

/** How a blob is called in messages: by the images that need it, then by its digest. */
export function nameOfJob(job: BlobJob): string {
  const [first = ''] = job.references;
  const others = job.references.length - 1;
  return `${first}${others > 0 ? ` (and ${others} more)` : ''}: blob ${job.blob.digest}`;
}

/** What a blob is, in few words: `layer of demisto/python3:3.12 and 2 more`, by the first image that needs it. */
export function labelOfJob({ blob, image, references }: BlobJob): string {
  const kinds = [
    ['manifest', image.manifest],
    ['config', image.config],
  ] as const;
  const [kind = 'layer'] = kinds.find(([, { digest }]) => digest === blob.digest) ?? [];
  const others = references.length > 1 ? ` and ${references.length - 1} more` : '';
  return `${kind} of ${image.reference.replace(/^docker\.io\/(library\/)?/, '')}${others}`;
}

/**
 * Brings what an earlier run had written to the first place of a blob to the others: they may have missed it when the
 * machine went down.
 */
export async function copyToOtherPlaces(
  { places }: BlobJob,
  { from, to }: Stretch,
  signal: AbortSignal,
): Promise<void> {
  const [first, ...others] = places;
  if (first === undefined || others.length === 0) return;
  let at = from;
  for await (const piece of first.archive.read(first.offset + from, first.offset + to, signal)) {
    for (const { archive, offset } of others) await archive.write([piece], offset + at);
    at += piece.length;
  }
}
