import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import { totalSize, type Descriptor } from '../core/image.ts';
import { digestMismatch, sizeMismatch, type VerifyOptions } from '../core/verify-stream.ts';
import { HashThread } from './hash-thread.ts';

/** More threads than this would wait for what is read. */
const mostThreads = 4;
/** Bytes that are hashed sooner than threads are started. */
const soonHashed = 16 * 1024 * 1024;
/** Chunks of a stream (of 1 MiB at most, as blobs are read) that may wait for being hashed. */
const mostWaiting = 8;

/**
 * Hashes streams in threads, as many at a time as there are threads. One stream is read at a time, the earliest first, and
 * another one only while the thread of that has enough to do: so a slow medium, which would have to jump to and fro, is
 * read from front to back, and only one that is faster than a processor can hash gives several streams at once.
 */
export class HashCrew {
  readonly #idle: HashThread[];
  readonly #threads: readonly HashThread[];
  readonly #turns = new Turns();
  #streams = 0;

  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, () => new HashThread());
    this.#idle = [...this.#threads];
  }

  /** Streams that can be hashed at the same time. */
  get members(): number {
    return this.#threads.length;
  }

  /** Reads a stream to its end. Throws `E_SIZE_MISMATCH` or `E_DIGEST_MISMATCH`, what ails the stream, or a thread. */
  async verify(
    content: Readable,
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    { name, onBytes }: VerifyOptions,
  ): Promise<void> {
    const thread = this.#idle.pop();
    if (thread === undefined) throw new TypeError('all threads that hash are busy');
    const rank = (this.#streams += 1);
    const hash = thread.bytes();
    const chunks = (content as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const handed: Promise<void>[] = [];
    const now = { read: 0, waiting: 0, isEnded: false };
    const readOn = async (): Promise<void> => {
      while (now.waiting < mostWaiting) {
        const next = await chunks.next();
        now.isEnded = next.done === true;
        if (next.done === true) return;
        now.read += next.value.length;
        if (now.read > size) throw sizeMismatch(name, size, `at least ${now.read}`);
        onBytes?.(now.read);
        now.waiting += 1;
        const hashed = hash.update(next.value).then(() => void (now.waiting -= 1));
        hashed.catch(() => undefined);
        handed.push(hashed);
      }
    };
    try {
      while (!now.isEnded) {
        await this.#turns.run(rank, readOn);
        // The thread is behind: meanwhile others may read.
        while (now.waiting > mostWaiting / 2) await handed.shift();
      }
      await Promise.all(handed);
      if (now.read !== size) throw sizeMismatch(name, size, String(now.read));
      const got: Digest = `sha256:${await hash.digest()}`;
      if (got !== digest) throw digestMismatch(name, digest, got);
    } finally {
      content.destroy();
      this.#idle.push(thread);
    }
  }

  /** Ends the threads, whatever they are doing. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

/** As many as are of use for these blobs; undefined where threads are of none. */
export function crewFor(
  blobs: readonly Pick<Descriptor, 'size'>[],
  processors = availableParallelism(),
): HashCrew | undefined {
  if (processors < 2 || totalSize(blobs) < soonHashed) return undefined;
  return new HashCrew(Math.min(blobs.length, processors, mostThreads));
}

/** Work of which one is done at a time; of those who wait, the one with the lowest rank comes next. */
class Turns {
  readonly #waiting: { readonly rank: number; readonly begin: () => void }[] = [];
  #isTaken = false;

  async run(rank: number, work: () => Promise<void>): Promise<void> {
    if (this.#isTaken) await new Promise<void>((begin) => this.#waiting.push({ rank, begin }));
    this.#isTaken = true;
    try {
      await work();
    } finally {
      this.#next();
    }
  }

  #next(): void {
    this.#waiting.sort((a, b) => a.rank - b.rank);
    const next = this.#waiting.shift();
    // The turn is handed on, so that nobody takes it in between.
    if (next === undefined) this.#isTaken = false;
    else next.begin();
  }
}
