import { giveBack } from '../core/slabs.ts';
import type { BlobJob } from './blob-job.ts';

/** Bytes that are written in one go. Larger ones save little, and a run that is killed loses what is not written. */
const pieceSize = 256 * 1024;

/**
 * Writes a stretch of a blob to all its places, in large pieces and while the next bytes come in. At most two pieces
 * are in memory: whoever brings more waits.
 */
export class WriteBehind {
  readonly #places: BlobJob['places'];
  #chunks: Buffer[] = [];
  #collected = 0;
  #written: number;
  #writing: Promise<void> = Promise.resolve();
  /** False once a write has gone well, and not when it has failed: its fault is still to be met. */
  #isWriting = false;

  /** `from`: where in the blob the stretch starts. */
  constructor(places: BlobJob['places'], from: number) {
    this.#places = places;
    this.#written = from;
  }

  /** The blob is in its places up to this byte, as far as this stretch is concerned. */
  get written(): number {
    return this.#written;
  }

  /**
   * Takes the next bytes, which must not change any more; they are given back once they are written (core/slabs.ts). Before more are brought, the promise must be waited for, if
   * there is one; it rejects with what an earlier write met.
   */
  put(bytes: Buffer): Promise<void> | undefined {
    this.#chunks.push(bytes);
    this.#collected += bytes.length;
    if (this.#collected < pieceSize) return undefined;
    if (this.#isWriting) return this.#startNext();
    this.#start();
    return undefined;
  }

  async #startNext(): Promise<void> {
    await this.#writing;
    this.#start();
  }

  /** Waits until everything is written. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#start();
    await this.#writing;
  }

  #start(): void {
    const chunks = this.#chunks;
    const end = this.#written + this.#collected;
    this.#chunks = [];
    this.#collected = 0;
    this.#isWriting = true;
    this.#writing = this.#write(chunks, end);
    // Met by the next put or flush.
    this.#writing.catch(() => undefined);
  }

  async #write(chunks: readonly Buffer[], end: number): Promise<void> {
    for (const { archive, offset } of this.#places) await archive.write(chunks, offset + this.#written);
    for (const chunk of chunks) giveBack(chunk);
    this.#written = end;
    this.#isWriting = false;
  }
}
