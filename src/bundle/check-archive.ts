import { checkArchive, type ArchiveCheck, type BlobWatcher } from '../archive/check.ts';
import { endOfBlobAt } from '../archive/regions.ts';
import { asPackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { archiveFault } from './archive-faults.ts';
import { missingFile, type FileCheck } from './file-check.ts';
import { openBundleFile, readingFile, type FolderListing } from './folder.ts';
import type { HashBeside } from './hash-beside.ts';
import { lostBlobs } from './lost-blobs.ts';
import { readAround } from './read-around.ts';
import type { ReadVolume } from './read-document.ts';

export interface CheckOptions {
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  /** Look at the blobs of the archive while it is read. */
  readonly watchers?: readonly BlobWatcher[];
  /** Takes the sum of the archive. Default: it is taken in this thread. */
  readonly hashes?: HashBeside | undefined;
}

/** How an archive was found when it was opened and read. */
export interface ArchiveReading {
  readonly check: ArchiveCheck;
  /** The length that the opened file had. */
  readonly size: number;
  /** Why some of it could not be read. */
  readonly refusal?: unknown;
}

/**
 * Reads one archive once and compares every byte with its plan and its sum. One that is missing, has another size or
 * cannot be read is a result too; what lies beyond its planned end is never read. Throws the reason of the signal, and what
 * ails the thread that hashes.
 */
export async function checkArchiveFile(
  listing: FolderListing,
  volume: ReadVolume,
  sha256: string,
  options: CheckOptions,
): Promise<FileCheck> {
  const { file, plan } = volume;
  const { emit, signal } = options;
  emit({ type: 'started', task: 'verify', item: file, bytes: plan.size });
  const check = await examine(listing, volume, sha256, options).catch((fault: unknown): FileCheck => {
    signal?.throwIfAborted();
    options.hashes?.throwIfEnded();
    return {
      result: { file, result: 'unreadable' },
      fault: asPackferryError(fault),
      damaged: { file, sha256, why: 'unreadable' },
      lost: lostBlobs(volume, 'unreadable'),
    };
  });
  if (check.fault === undefined) emit({ type: 'done', task: 'verify', item: file, bytes: plan.size });
  else emit({ type: 'failed', task: 'verify', item: file, error: check.fault });
  return check;
}

async function examine(
  listing: FolderListing,
  volume: ReadVolume,
  sha256: string,
  options: CheckOptions,
): Promise<FileCheck> {
  const { file, plan } = volume;
  if (!listing.files.has(file)) {
    return {
      result: { file, result: 'missing' },
      fault: missingFile(file),
      damaged: { file, sha256, why: 'missing' },
      lost: lostBlobs(volume, 'missing'),
    };
  }
  const reading = await read(listing, volume, options);
  const { check, size } = reading;
  const isWhole = size <= plan.size && check.sha256 !== undefined;
  const found = { file, bytes: size, ...(isWhole ? { sha256: check.sha256 } : {}) };
  const fault = archiveFault(volume, sha256, reading);
  if (fault === undefined) return { result: { ...found, result: 'good' }, lost: [] };
  const why = check.damage.some(({ unreadable }) => unreadable) ? 'unreadable' : 'damaged';
  const parts = check.damage.flatMap(({ kind, entry, offset }) =>
    kind === 'blob' || kind === 'short' || kind === 'surplus' ? [] : [{ member: entry, part: kind, offset }],
  );
  return {
    result: { ...found, result: why },
    fault,
    damaged: {
      file,
      sha256,
      why,
      ...(size === plan.size ? {} : { size: { expected: plan.size, got: size } }),
      ...(parts.length === 0 ? {} : { parts }),
    },
    lost: lostBlobs(volume, check.lost),
  };
}

async function read(
  listing: FolderListing,
  { file, plan }: ReadVolume,
  { emit, signal, watchers = [], hashes }: CheckOptions,
): Promise<ArchiveReading> {
  const handle = await openBundleFile(listing.dir, file, listing.files.get(file));
  try {
    const { size } = await readingFile(file, () => handle.stat());
    const refusals: unknown[] = [];
    const chunks = readAround(handle, Math.min(size, plan.size), {
      behind: (offset) => endOfBlobAt(plan, offset),
      onFault: (fault) => {
        if (refusals.length === 0) refusals.push(fault);
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const check = await checkArchive(chunks, plan, {
      onBytes: (bytes) => emit({ type: 'progress', task: 'verify', item: file, bytes }),
      watchers,
      ...(hashes === undefined ? {} : { whole: hashes.archive() }),
      ...(signal === undefined ? {} : { signal }),
    });
    return { check, size, ...(refusals.length === 0 ? {} : { refusal: refusals[0] }) };
  } finally {
    await handle.close();
  }
}
