import type { Hash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { eachChunk } from '../core/each-chunk.ts';
import { sizeMismatch } from '../core/verify-stream.ts';
import type { BlobJob } from './blob-job.ts';
import type { Crew, SharedWork } from './crew.ts';
import { WriteBehind } from './write-behind.ts';

export interface PiecesOptions {
  readonly job: BlobJob;
  /** Byte to start at: what comes before stands in the places, and is hashed. */
  readonly from: number;
  /** Gets every byte of the rest, in order. */
  readonly hash: Hash;
  readonly crew: Crew;
  /** May several parts of the blob be fetched at the same time? */
  readonly splits: boolean;
  readonly open: (from: number, to: number, signal: AbortSignal) => Promise<Readable>;
  /** How messages about its content call the blob. */
  readonly name: () => string;
  /** Told after every chunk: bytes of the blob that have come. */
  readonly onBytes: (bytes: number) => void;
  /** Told now and then: how far the blob stands in its places without a gap. */
  readonly onSafe: (bytes: number) => void;
  readonly signal: AbortSignal;
}

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * Fetches the rest of a blob, in one piece or in several side by side. The hash follows the front: what comes at the
 * front is hashed as it moves; what was fetched ahead of it is read back from its place once the front has reached it,
 * so that the hash sees what stands there.
 */
export class BlobPieces implements SharedWork {
  readonly #options: PiecesOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #helpers = new Set<Promise<void>>();
  /** What ended the work of a helper, and so all of it. */
  #fault: unknown;
  #claimed: number;
  /** All that comes before is hashed and stands in the places; the piece that starts here is hashed as it moves. */
  #front: number;
  #bytes: number;
  /** What stands in the places beyond the front. */
  readonly #ahead = new Map<number, Stretch>();
  #following: Promise<void> = Promise.resolve();

  constructor(options: PiecesOptions) {
    this.#options = options;
    this.#claimed = this.#front = this.#bytes = options.from;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    // Everybody who helps listens.
    setMaxListeners(0, this.#signal);
  }

  get unclaimed(): number {
    const { job, splits } = this.#options;
    return splits && !this.#signal.aborted ? job.blob.size - this.#claimed : 0;
  }

  /** Fetches all of it, with whoever helps. */
  async fetch(): Promise<void> {
    try {
      // An empty blob is asked for too: the source is to say that it is there.
      do await this.#fetchNext();
      while (this.#claimed < this.#options.job.blob.size);
      await Promise.all(this.#helpers);
      await this.#following;
    } catch (fault) {
      this.#stop.abort();
      throw this.#fault ?? fault;
    } finally {
      // Nobody may write any more when the archives are closed.
      await Promise.allSettled([...this.#helpers, this.#following]);
    }
  }

  async help(): Promise<void> {
    const helping = this.#fetchNext();
    this.#helpers.add(helping);
    await helping.catch((fault: unknown) => {
      // fetch() throws it; the other pieces are in vain.
      this.#fault ??= fault;
      this.#stop.abort();
    });
  }

  async #fetchNext(): Promise<void> {
    const { job, splits, crew, onSafe } = this.#options;
    const from = this.#claimed;
    const left = job.blob.size - from;
    const to = from + (splits ? crew.take(left) : left);
    if (!splits) crew.done(left);
    this.#claimed = to;
    const isFront = from === this.#front;
    const behind = new WriteBehind(job.places, from);
    try {
      await this.#pass({ from, to }, isFront, behind);
    } finally {
      // Also what came before a fault: the next run goes on from there.
      await behind.flush();
      if (isFront) onSafe(behind.written);
    }
    if (isFront) this.#front = to;
    else this.#ahead.set(from, { from, to });
    this.#following = this.#following.then(() => this.#follow());
    // Met by fetch().
    this.#following.catch(() => undefined);
  }

  async #pass({ from, to }: Stretch, isFront: boolean, behind: WriteBehind): Promise<void> {
    const { job, hash, open, name, onBytes, onSafe } = this.#options;
    let at = from;
    const content = await open(from, to, this.#signal);
    await eachChunk(content, (chunk) => {
      at += chunk.length;
      if (at > to) throw sizeMismatch(name(), job.blob.size, 'more');
      if (isFront) hash.update(chunk);
      const waiting = behind.put(chunk);
      if (isFront) onSafe(behind.written);
      this.#bytes += chunk.length;
      onBytes(this.#bytes);
      return waiting;
    });
    if (at !== to) throw sizeMismatch(name(), job.blob.size, String(at));
  }

  /** Hashes what was fetched ahead and is now at the front. */
  async #follow(): Promise<void> {
    const { job, hash, onSafe } = this.#options;
    const [place] = job.places;
    for (let next = this.#ahead.get(this.#front); next !== undefined; next = this.#ahead.get(this.#front)) {
      const { from, to } = next;
      if (place === undefined) return;
      this.#ahead.delete(from);
      for await (const piece of place.archive.read(place.offset + from, place.offset + to, this.#signal)) {
        hash.update(piece);
      }
      this.#front = to;
      onSafe(to);
    }
  }
}
