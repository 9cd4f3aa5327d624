import { createHash, type Hash } from 'node:crypto';
import { open, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { systemCodeOf } from '../core/errors.ts';
import { endOfArchive, headerBlock } from '../archive/tar-frame.ts';
import type { PlannedEntry } from '../archive/plan.ts';
import type { PlannedVolume } from './document.ts';
import { partName } from './names.ts';

const readSize = 1024 * 1024;

/**
 * One archive while it is being filled: a file of its final length under its `.part` name, into which blobs are
 * written at their planned places in any order. The sha256 of the whole file follows the finished front in the
 * background, so that no second pass is needed at the end.
 */
export class ArchiveFile {
  readonly volume: PlannedVolume;
  readonly #dir: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  readonly #finished = new Set<Digest>();
  /** How far the file is hashed, in bytes, and which planned entry comes next. */
  #hashed = 0;
  #next = 0;
  #following: Promise<void> = Promise.resolve();

  private constructor(dir: string, volume: PlannedVolume, file: FileHandle) {
    this.#dir = dir;
    this.volume = volume;
    this.#file = file;
  }

  /**
   * Opens the `.part` file, keeping what it holds, and writes everything in it that is not a blob. An archive that an
   * interrupted run had already named finally goes back to its `.part` name first.
   */
  static async open(dir: string, volume: PlannedVolume): Promise<ArchiveFile> {
    const part = path.join(dir, partName(volume.file));
    await rename(path.join(dir, volume.file), part).catch(ignoreMissing);
    const file = await open(part, 'r+').catch(async (fault: unknown) => {
      ignoreMissing(fault);
      return open(part, 'wx+', 0o644);
    });
    try {
      await file.truncate(volume.plan.size);
      for (const entry of volume.plan.entries) {
        await file.write(headerBlock(entry.name, entry.size), 0, undefined, entry.headerOffset);
        if (entry.kind === 'document') await file.write(entry.content, 0, undefined, entry.dataOffset);
        const end = entry.dataOffset + entry.size;
        await file.write(Buffer.alloc(-end & 511), 0, undefined, end);
      }
      await file.write(endOfArchive, 0, undefined, volume.plan.endOffset);
    } catch (fault) {
      await file.close();
      throw fault;
    }
    return new ArchiveFile(dir, volume, file);
  }

  /** Writes bytes of a blob at an absolute place of the file. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.byteLength;) {
      const rest = bytes.byteLength - written;
      written += (await this.#file.write(bytes, written, rest, position + written)).bytesWritten;
    }
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

  /** Says that a blob stands in its place, verified. The hash of the whole file moves on as far as it can. */
  finish(digest: Digest, signal?: AbortSignal): void {
    this.#finished.add(digest);
    this.#following = this.#following.then(() => this.#follow(signal));
    // The fault is met by complete(), which awaits the same promise.
    this.#following.catch(() => undefined);
  }

  async #follow(signal: AbortSignal | undefined): Promise<void> {
    const { entries, endOffset } = this.volume.plan;
    while (this.#next < entries.length && this.#isReady(entries[this.#next])) this.#next += 1;
    const end = entries[this.#next]?.headerOffset ?? endOffset;
    for await (const piece of this.read(this.#hashed, end, signal)) this.#hash.update(piece);
    this.#hashed = end;
  }

  #isReady(entry: PlannedEntry | undefined): boolean {
    return entry?.kind === 'document' || (entry?.kind === 'blob' && this.#finished.has(entry.blob.digest));
  }

  /** What was written so far survives a loss of power from now on. */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /** Waits for the hash, syncs, and gives the file its final name. Returns the sha256 of the file in hex. */
  async complete(signal?: AbortSignal): Promise<string> {
    await this.#following;
    await this.#follow(signal);
    if (this.#hashed !== this.volume.plan.endOffset) throw new Error(`${this.volume.file} is not complete`);
    this.#hash.update(endOfArchive);
    await this.#file.sync();
    await rename(path.join(this.#dir, partName(this.volume.file)), path.join(this.#dir, this.volume.file));
    return this.#hash.digest('hex');
  }

  /** Lets go of the file, whatever state it is in. */
  async close(): Promise<void> {
    await this.#following.catch(() => undefined);
    await this.#file.close();
  }
}

function ignoreMissing(fault: unknown): void {
  if (systemCodeOf(fault) !== 'ENOENT') throw fault;
}
