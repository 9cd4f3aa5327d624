import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { abortWith } from '../core/abort-with.ts';
import { eachChunk } from '../core/each-chunk.ts';
import { sizeMismatch } from '../core/verify-stream.ts';
import { copyToOtherPlaces, type BlobJob } from './blob-job.ts';
import type { Crew, SharedWork } from './crew.ts';
import type { GrowingHash } from './hash-thread.ts';
import { frontOf, gapsIn, joined, lengthOf, within, type Stretch } from './stretches.ts';
import { WriteBehind } from './write-behind.ts';

export interface PiecesOptions {
  readonly job: BlobJob;
  /** Byte to start at: what comes before stands in the places. */
  readonly from: number;
  /** What stands in the first place beyond that, from an earlier run. Used only where parts can be asked for. */
  readonly kept: readonly Stretch[];
  /** Told how far the first place is filled without a gap. */
  readonly hash: Pick<GrowingHash, 'reach'>;
  readonly crew: Crew;
  /** May parts of the blob be asked for, as far as is known by now? */
  readonly splits: () => boolean;
  readonly open: (from: number, to: number, signal: AbortSignal) => Promise<Readable>;
  /** How messages about its content call the blob. */
  readonly name: () => string;
  /** Told after every chunk: bytes of the blob that are there. */
  readonly onBytes: (bytes: number) => void;
  /** Told now and then: a stretch that stands in all places. It grows, or is another one. */
  readonly onWritten: (stretch: Stretch) => void;
  readonly signal: AbortSignal;
}

/** Why an answer is cut short. Made once: an error of its own for every blob would cost more than the rest of it. */
const enough = new Error('no more of it is wanted');

/** Bytes after which a stretch that grows is told: what a run that is killed loses, besides what is being written. */
const tellEvery = 512 * 1024;

/**
 * Fetches the rest of a blob, in one piece or in several side by side. The hash follows from the first byte on as far as
 * no gap is left, and reads what stands in the first place, whether it came in this run or in an earlier one.
 */
export class BlobPieces implements SharedWork {
  readonly #options: PiecesOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #helpers = new Set<Promise<void>>();
  /** What ended the work of a helper, and so all of it. */
  #fault: unknown;
  /** What nobody has begun to fetch, in order. Beyond its start, only what was kept stands in the places. */
  #gaps: Stretch[];
  /** All has been asked for, and the answer has not yet come that says whether parts can be had. */
  #isAsking = false;
  /** Parts were given to an earlier run. */
  #isHopeful: boolean;
  /** What stands in the first place. */
  #there: readonly Stretch[];
  /** Of it, what an earlier run had written beyond the start: the other places may lack it. */
  #kept: readonly Stretch[];
  #bytes: number;
  #fetched = 0;

  constructor(options: PiecesOptions) {
    const { job, from, kept } = options;
    this.#options = options;
    this.#there = joined([{ from: 0, to: from }, ...kept]);
    this.#kept = kept;
    this.#gaps = gapsIn({ from, to: job.blob.size }, kept);
    this.#bytes = from + lengthOf(kept);
    this.#isHopeful = kept.length > 0;
    this.#signal = this.#stop.signal;
    // Everybody who helps listens.
    setMaxListeners(0, this.#signal);
  }

  get unclaimed(): number {
    if (this.#gaps.length === 0 || this.#isAsking || this.#signal.aborted) return 0;
    return this.#options.splits() ? lengthOf(this.#gaps) : 0;
  }

  /** Bytes that came from the source. */
  get fetched(): number {
    return this.#fetched;
  }

  /** Fetches all of it, with whoever helps. */
  async fetch(): Promise<void> {
    const { job, signal } = this.#options;
    const letGo = abortWith(this.#stop, signal);
    try {
      // An empty blob is asked for too: the source is to say that it is there.
      do await this.#fetchNext();
      while (this.#gaps.length > 0);
      await Promise.all(this.#helpers);
      for (const stretch of this.#kept) await copyToOtherPlaces(job, stretch, this.#signal);
    } catch (fault) {
      this.#stop.abort();
      throw this.#fault ?? fault;
    } finally {
      letGo();
      // Nobody may write any more when the archives are closed.
      await Promise.allSettled(this.#helpers);
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
    const { job, crew, splits, open } = this.#options;
    if (splits()) {
      const piece = this.#claimPart();
      await this.#take(piece, await open(piece.from, piece.to, this.#signal));
      return;
    }
    // Before the first answer nobody knows whether parts can be had: all is asked for, and is cut short when they can.
    // What was kept came in parts, so one is asked for; a source that knows no end of it is cut short as well.
    const cut = new AbortController();
    const letGo = abortWith(cut, this.#signal);
    const guess = this.#isHopeful ? this.#claimPart() : undefined;
    this.#isHopeful = false;
    this.#isAsking = true;
    try {
      const { from, to } = guess ?? { from: this.#gaps[0]?.from ?? job.blob.size, to: job.blob.size };
      const content = await open(from, to, cut.signal);
      const piece = guess ?? (splits() ? this.#claimPart() : this.#claimRest());
      this.#isAsking = false;
      crew.wake();
      const wanted = piece.to < job.blob.size ? firstOf(content, piece.to - piece.from) : content;
      await this.#take(piece, wanted);
    } finally {
      letGo();
      cut.abort(enough);
    }
  }

  #claimPart(): Stretch {
    const { job, crew } = this.#options;
    const [gap = { from: job.blob.size, to: job.blob.size }, ...others] = this.#gaps;
    const to = gap.from + crew.take(gap.to - gap.from);
    this.#gaps = to < gap.to ? [{ from: to, to: gap.to }, ...others] : others;
    return { from: gap.from, to };
  }

  /** All from the first gap on, what was kept included. */
  #claimRest(): Stretch {
    const { job, crew } = this.#options;
    const rest = { from: this.#gaps[0]?.from ?? job.blob.size, to: job.blob.size };
    crew.done(lengthOf(this.#gaps));
    this.#gaps = [];
    const before = { from: 0, to: rest.from };
    this.#bytes -= lengthOf(this.#kept) - lengthOf(within(this.#kept, before));
    this.#kept = within(this.#kept, before);
    this.#there = within(this.#there, before);
    return rest;
  }

  /** Brings a piece to its places. */
  async #take(piece: Stretch, content: AsyncIterable<Buffer>): Promise<void> {
    const behind = new WriteBehind(this.#options.job.places, piece.from);
    try {
      await this.#pass(piece, content, behind);
    } finally {
      // Also what came before a fault: the next run goes on from there.
      await behind.flush();
      this.#wrote({ from: piece.from, to: behind.written });
    }
  }

  async #pass({ from, to }: Stretch, content: AsyncIterable<Buffer>, behind: WriteBehind): Promise<void> {
    const { job, name, onBytes } = this.#options;
    let at = from;
    let told = from;
    await eachChunk(content, (chunk) => {
      at += chunk.length;
      if (at > to) throw sizeMismatch(name(), job.blob.size, 'more');
      const waiting = behind.put(chunk);
      if (behind.written - told >= tellEvery) this.#wrote({ from, to: (told = behind.written) });
      this.#bytes += chunk.length;
      this.#fetched += chunk.length;
      onBytes(this.#bytes);
      return waiting;
    });
    if (at !== to) throw sizeMismatch(name(), job.blob.size, String(at));
  }

  #wrote(stretch: Stretch): void {
    const { hash, onWritten } = this.#options;
    onWritten(stretch);
    this.#there = joined([...this.#there, stretch]);
    hash.reach(frontOf(this.#there));
  }
}

/** So many bytes of a stream, which is destroyed behind them. */
async function* firstOf(content: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of content) {
    yield chunk.subarray(0, left);
    left -= Math.min(left, chunk.length);
    if (left === 0) return;
  }
}
