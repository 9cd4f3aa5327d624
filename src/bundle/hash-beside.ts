import { availableParallelism } from 'node:os';
import type { ArchiveHash } from '../archive/check.ts';
import { HashThread } from './hash-thread.ts';

/** Bytes that are worth a message. */
const pieceSize = 2 * 1024 * 1024;
/** Pieces that may wait for being hashed: when the thread is behind, whoever reads waits for it. */
const mostPieces = 4;
/** Of less, the sums are taken before a thread has started (some 45 ms) and has caught up. */
const leastBytes = 64 * 1024 * 1024;

/**
 * Takes the sums of whole archives in a thread, beside whoever reads them and hashes their blobs. The thread gets a copy of
 * the very bytes that were read: of a medium that is failing, a second reading could bring others. To copy costs a tenth of
 * hashing, and what was read may be handed on and kept. The copies lie in memory that is used again.
 */
export class HashBeside {
  readonly #thread = new HashThread();
  /** The memory of all pieces, the earliest first. The thread hashes them in their order. */
  readonly #pieces: Promise<Buffer>[] = [];

  /** Starts the sum of one archive. They are taken one at a time. */
  archive(): ArchiveHash {
    const hash = this.#thread.bytes();
    let piece: Buffer | undefined;
    let filled = 0;
    const send = (full: Buffer): void => {
      const hashed = hash.update(full.subarray(0, filled)).then(() => full);
      // Whoever takes the memory next is told.
      hashed.catch(() => undefined);
      this.#pieces.push(hashed);
      piece = undefined;
      filled = 0;
    };
    return {
      update: async (bytes) => {
        for (let at = 0; at < bytes.length;) {
          piece ??= await this.#free();
          const copied = bytes.copy(piece, filled, at);
          at += copied;
          filled += copied;
          if (filled === piece.length) send(piece);
        }
      },
      digest: () => {
        if (piece !== undefined) send(piece);
        return hash.digest();
      },
    };
  }

  /** Throws what the thread has died of: that is no fault of an archive. */
  throwIfEnded(): void {
    this.#thread.throwIfEnded();
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    await this.#thread.close();
  }

  #free(): Promise<Buffer> {
    const made = this.#pieces.length < mostPieces ? undefined : this.#pieces.shift();
    return made ?? Promise.resolve(Buffer.from(new SharedArrayBuffer(pieceSize)));
  }
}

/** One for archives of so many bytes; undefined where a thread is of no use, or the system gives none. */
export function hashBesideFor(bytes: number, processors = availableParallelism()): HashBeside | undefined {
  if (processors < 2 || bytes < leastBytes) return undefined;
  try {
    return new HashBeside();
  } catch (fault) {
    // Where processes and threads are limited, a bundle can be checked all the same.
    if (fault instanceof Error && 'code' in fault && fault.code === 'ERR_WORKER_INIT_FAILED')
      return undefined;
    throw fault;
  }
}
