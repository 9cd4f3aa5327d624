import { open, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { systemCodeOf } from '../core/errors.ts';
import type { ArchivePlan, PlannedEntry } from '../archive/plan.ts';
import { regionsOf } from '../archive/regions.ts';
import type { PlannedVolume } from './document.ts';
import type { GrowingHash, HashThread } from './hash-thread.ts';
import { partName } from './names.ts';

const readSize = 256 * 1024;
/** Bytes after which the disk is set to work: at the end, little is left to wait for. */
const syncEvery = 64 * 1024 * 1024;
/** Small writes that are under way at the same time. */
const writesAtOnce = 32;

/**
 * One archive while it is being filled: a file of its final length under its `.part` name, into which blobs are
 * written at their planned places in any order. The sha256 of the whole file follows the finished front in a thread of
 * its own, so that no second pass is needed at the end.
 */
export class ArchiveFile {
  readonly volume: PlannedVolume;
  readonly #dir: string;
  readonly #file: FileHandle;
  readonly #hashes: HashThread;
  readonly #hash: GrowingHash;
  readonly #finished = new Set<Digest>();
  /** Which planned entry comes next behind the finished front. */
  #next = 0;
  #unsynced = 0;
  #syncing: Promise<void> = Promise.resolve();

  private constructor(dir: string, volume: PlannedVolume, file: FileHandle, hashes: HashThread) {
    this.#dir = dir;
    this.volume = volume;
    this.#file = file;
    this.#hashes = hashes;
    this.#hash = hashes.file(file.fd, { rank: 1 });
  }

  /**
   * Opens the `.part` file, keeping what it holds, and writes everything in it that is not a blob. An archive that an
   * interrupted run had already named finally goes back to its `.part` name first.
   */
  static async open(dir: string, volume: PlannedVolume, hashes: HashThread): Promise<ArchiveFile> {
    const part = path.join(dir, partName(volume.file));
    await rename(path.join(dir, volume.file), part).catch(ignoreMissing);
    const file = await open(part, 'r+').catch(async (fault: unknown) => {
      ignoreMissing(fault);
      return open(part, 'wx+', 0o644);
    });
    try {
      await file.truncate(volume.plan.size);
      await writeFrame(file, volume.plan);
    } catch (fault) {
      await file.close();
      throw fault;
    }
    return new ArchiveFile(dir, volume, file, hashes);
  }

  /** Writes bytes of a blob, chunk after chunk, at an absolute place of the file. */
  async write(chunks: readonly Buffer[], position: number): Promise<void> {
    await writeAll(this.#file, chunks, position);
    this.#unsynced += chunks.reduce((sum, { length }) => sum + length, 0);
    if (this.#unsynced < syncEvery) return;
    this.#unsynced = 0;
    this.#syncing = this.#syncing.then(() => this.#file.datasync());
    // complete() meets it: the system tells a fault of the disk only once.
    this.#syncing.catch(() => undefined);
  }

  /** Reads back what stands from `start` to `end`, in pieces. The buffer of a piece is used again for the next one. */
  async *read(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.min(readSize, Math.max(1, end - start)));
    for (let position = start; position < end;) {
      signal?.throwIfAborted();
      const wanted = Math.min(buffer.length, end - position);
      const { bytesRead } = await this.#file.read(buffer, 0, wanted, position);
      if (bytesRead === 0) throw new Error(`${this.volume.file} became shorter while it was written`);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Starts the hash of a blob as it stands in its place. It comes before that of the file, which waits for blobs. */
  hashFrom(offset: number): GrowingHash {
    return this.#hashes.file(this.#file.fd, { from: offset });
  }

  /** Says that a blob stands in its place, verified. The hash of the whole file moves on as far as it can. */
  finish(digest: Digest): void {
    const { entries, endOffset } = this.volume.plan;
    this.#finished.add(digest);
    while (this.#next < entries.length && this.#isReady(entries[this.#next])) this.#next += 1;
    this.#hash.reach(entries[this.#next]?.headerOffset ?? endOffset);
  }

  #isReady(entry: PlannedEntry | undefined): boolean {
    return entry?.kind === 'document' || (entry?.kind === 'blob' && this.#finished.has(entry.blob.digest));
  }

  /** What was written so far survives a loss of power from now on. */
  async sync(): Promise<void> {
    await this.#syncing;
    await this.#file.sync();
  }

  /** Waits for the hash, syncs, and gives the file its final name. Returns the sha256 of the file in hex. */
  async complete(): Promise<string> {
    const { entries, size } = this.volume.plan;
    if (this.#next < entries.length) throw new Error(`${this.volume.file} is not complete`);
    this.#hash.reach(size);
    const [sha256] = await Promise.all([this.#hash.digest(), this.sync()]);
    await rename(path.join(this.#dir, partName(this.volume.file)), path.join(this.#dir, this.volume.file));
    return sha256;
  }

  /** Lets go of the file, whatever state it is in. Nobody may be hashing it any more. */
  async close(): Promise<void> {
    await this.#syncing.catch(() => undefined);
    await this.#file.close();
  }
}

/** Writes everything that is not a blob: what stands between two blobs in one go. */
async function writeFrame(file: FileHandle, plan: ArchivePlan): Promise<void> {
  const writes: Promise<void>[] = [];
  let parts: Buffer[] = [];
  let start = 0;
  const flush = (): void => {
    writes.push(writeAll(file, [Buffer.concat(parts)], start));
    parts = [];
  };
  for (const region of regionsOf(plan)) {
    if (region.kind !== 'blob') {
      parts.push(region.bytes);
      continue;
    }
    flush();
    start = region.offset + region.size;
    if (writes.length >= writesAtOnce) await allOf(writes.splice(0));
  }
  flush();
  await allOf(writes);
}

/** Waits for every write, also when one fails: none may go on when the file is closed. */
async function allOf(writes: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(writes);
  await Promise.all(writes);
}

async function writeAll(file: FileHandle, chunks: readonly Buffer[], position: number): Promise<void> {
  let rest = chunks.filter(({ length }) => length > 0);
  for (let at = position; rest.length > 0;) {
    const { bytesWritten } = await file.writev(rest, at);
    at += bytesWritten;
    rest = behind(rest, bytesWritten);
  }
}

/** What is left of chunks without their first `count` bytes: a disk may take less than it is given. */
function behind(chunks: readonly Buffer[], count: number): Buffer[] {
  let left = count;
  return chunks.flatMap((chunk) => {
    const taken = Math.min(left, chunk.length);
    left -= taken;
    return taken < chunk.length ? [chunk.subarray(taken)] : [];
  });
}

function ignoreMissing(fault: unknown): void {
  if (systemCodeOf(fault) !== 'ENOENT') throw fault;
}
