import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import { digestMismatch, sizeMismatch } from '../core/verify-stream.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { Journal } from './journal.ts';

/** Bytes between two journal lines of one blob. */
const noteEvery = 8 * 1024 * 1024;

/** One blob that has to get into its places; fetched once, however many archives hold it. */
export interface BlobJob {
  readonly blob: Descriptor;
  /** The first image that needs it: registries address blobs by repository. */
  readonly image: LockedImage;
  /** All images that need it, for messages. */
  readonly references: readonly string[];
  readonly places: readonly { readonly archive: ArchiveFile; readonly offset: number }[];
}

export interface BlobJobOptions {
  readonly source: ImageSource;
  readonly journal: Journal;
  /** Bytes that an earlier run had written; they are hashed again before they count. */
  readonly written: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** All blobs of the given archives, largest first, so that no long one is left for the end. */
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
  return [...blobs.values()]
    .sort((a, b) => b.size - a.size || (a.digest < b.digest ? -1 : 1))
    .flatMap((blob) => {
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
 * Brings one blob to its places: what an earlier run wrote is hashed where it stands and gone on from, the rest comes
 * from the source; size and digest are checked before the blob counts. Returns the bytes that were fetched.
 */
export async function runBlobJob(job: BlobJob, options: BlobJobOptions): Promise<number> {
  const item = job.blob.digest;
  const label = labelOfJob(job);
  const from = Math.min(options.written, job.blob.size);
  if (from > 0) {
    const fetched = await fillFrom(job, from, options).catch((fault: unknown) => {
      // Only bytes of the earlier run that turn out wrong make the blob start afresh; a source that fails does not.
      if (!isWrongContent(fault)) throw fault;
      return undefined;
    });
    if (fetched === 0)
      options.emit({
        type: 'skipped',
        task: 'pull',
        item,
        label,
        reason: 'already present',
        bytes: job.blob.size,
      });
    if (fetched !== undefined) return fetched;
  }
  return fillFrom(job, 0, options);
}

function isWrongContent(fault: unknown): boolean {
  return fault instanceof PackferryError && ['E_DIGEST_MISMATCH', 'E_SIZE_MISMATCH'].includes(fault.code);
}

async function fillFrom(job: BlobJob, from: number, options: BlobJobOptions): Promise<number> {
  const { blob, places } = job;
  const [first] = places;
  if (first === undefined) return 0;
  const about = { task: 'pull', item: blob.digest, label: labelOfJob(job) } as const;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of first.archive.read(first.offset, first.offset + from, options.signal)) {
    hash.update(piece);
    // The other places may have missed bytes when the machine went down: they get what is hashed here.
    for (const { archive, offset } of places.slice(1)) await archive.write(piece, offset + bytes);
    bytes += piece.length;
  }
  if (from < blob.size || from === 0) {
    options.emit({ type: 'started', ...about, bytes: blob.size, present: from });
    let noted = from;
    const content = await options.source.openBlob(job.image, blob, { from, signal: options.signal });
    for await (const chunk of content as AsyncIterable<Buffer>) {
      if (bytes + chunk.length > blob.size) throw sizeMismatch(nameOfJob(job), blob.size, 'more');
      hash.update(chunk);
      for (const place of places) await place.archive.write(chunk, place.offset + bytes);
      bytes += chunk.length;
      options.emit({ type: 'progress', task: 'pull', item: blob.digest, bytes });
      if (bytes - noted >= noteEvery) {
        await options.journal.note(blob.digest, bytes);
        noted = bytes;
      }
    }
  }
  if (bytes !== blob.size) throw sizeMismatch(nameOfJob(job), blob.size, String(bytes));
  const got = `sha256:${hash.digest('hex')}`;
  if (got !== blob.digest) throw digestMismatch(nameOfJob(job), blob.digest, got);

  await options.journal.note(blob.digest, bytes);
  for (const { archive } of places) archive.finish(blob.digest, options.signal);
  if (bytes > from || from === 0) options.emit({ type: 'done', ...about, bytes });
  return bytes - from;
}
