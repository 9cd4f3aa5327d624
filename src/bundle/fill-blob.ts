import { messageOf, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { ImageSource } from '../core/ports.ts';
import { digestMismatch } from '../core/verify-stream.ts';
import { copyToOtherPlaces, labelOfJob, nameOfJob, type BlobJob } from './blob-job.ts';
import { BlobPieces } from './blob-pieces.ts';
import type { Crew } from './crew.ts';
import type { GrowingHash } from './hash-thread.ts';
import type { Journal } from './journal.ts';
import type { BlobLender } from './lender.ts';
import { lengthOf, within, type Stretch } from './stretches.ts';

/** Bytes between two journal lines of a blob that is lent. */
const noteEvery = 512 * 1024;
/** Bytes of what stands there that are hashed before people are told how far it is. */
const readBackStep = 4 * 1024 * 1024;

export interface FillOptions {
  readonly source: ImageSource;
  /** What may have the blob on this machine, asked before the source. */
  readonly lenders: readonly BlobLender[];
  readonly journal: Journal;
  /** Who fetches side by side, and may help with this blob. */
  readonly crew: Crew;
  /** What an earlier run had written, joined; it is hashed again before it counts. */
  readonly written: readonly Stretch[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Brings one blob to its places: what an earlier run wrote is hashed where it stands and gone on from, then comes what
 * lenders have, then the source; size and digest are checked before the blob counts. Content that was put together
 * from several of these, or from several answers of the source, and is wrong, is fetched once more from the start.
 * Content that is wrong in one piece is an error that names who gave it. Returns the bytes that were fetched.
 */
export async function fillBlob(job: BlobJob, options: FillOptions): Promise<number> {
  const first = new Filling(job, options);
  try {
    await first.readBack();
    for (const lender of options.lenders) {
      await first.borrow(lender);
      await first.readBack();
    }
    return await first.fetchRest(() => options.source.splits?.(job.image) ?? false);
  } catch (fault) {
    first.noteFailure(fault);
    if (!isWrongContent(fault) || !first.isPatched) throw fault;
    first.tellDamage();
  }
  const second = new Filling(job, { ...options, written: [] });
  try {
    return await second.fetchRest(() => false);
  } catch (fault) {
    second.noteFailure(fault);
    throw fault;
  }
}

function isWrongContent(fault: unknown): boolean {
  return fault instanceof PackferryError && ['E_DIGEST_MISMATCH', 'E_SIZE_MISMATCH'].includes(fault.code);
}

/** One try to fill the places of a blob. */
class Filling {
  readonly #job: BlobJob;
  readonly #options: FillOptions;
  /** Of what stands in the first place. */
  readonly #hash: GrowingHash;
  /** Whose bytes stand in the places, in order. */
  readonly #lentBy: BlobLender[] = [];
  readonly #servedBy: string[] = [];
  /** Parts that the source was asked for. */
  #parts = 0;
  /** So many bytes from the first one on stand in the places. */
  #bytes = 0;
  /** Is there something in it that an earlier run had written? */
  #isOwn = false;

  constructor(job: BlobJob, options: FillOptions) {
    const [first] = job.places;
    if (first === undefined) throw new Error(`${nameOfJob(job)} has no place`);
    this.#job = job;
    this.#options = options;
    this.#hash = first.archive.hashFrom(first.offset);
  }

  /** Do the bytes come from more than one answer of one source? */
  get isPatched(): boolean {
    return this.#isOwn || this.#lentBy.length > 0 || this.#parts > 1 || this.#servedBy.length > 1;
  }

  /** Takes what stands in the first place already and goes on from where it is. */
  async readBack(): Promise<void> {
    const { written, signal } = this.#options;
    const next = within(written, { from: this.#bytes, to: this.#job.blob.size })[0];
    if (next?.from !== this.#bytes) return;
    this.#isOwn = true;
    this.#tellStart(this.#bytes);
    while (this.#bytes < next.to) {
      const to = Math.min(next.to, this.#bytes + readBackStep);
      await copyToOtherPlaces(this.#job, { from: this.#bytes, to }, signal);
      this.#bytes = to;
      this.#hash.reach(to);
      await this.#hash.caughtUp();
      signal.throwIfAborted();
      this.#tellPresent();
    }
  }

  /** Takes what a lender has beyond that. */
  async borrow(lender: BlobLender): Promise<void> {
    const { digest, size } = this.#job.blob;
    const held = Math.min(lender.held(this.#job.blob), size);
    if (held <= this.#bytes) return;
    this.#lentBy.push(lender);
    this.#tellStart(this.#bytes);
    const from = this.#bytes;
    const note = (): void => {
      this.#options.journal.note(digest, { from, to: this.#bytes });
    };
    let noted = from;
    try {
      for await (const chunk of this.#readLent(lender)) {
        await this.#put(chunk.subarray(0, held - this.#bytes));
        this.#tellPresent();
        if (this.#bytes - noted < noteEvery) continue;
        noted = this.#bytes;
        note();
      }
    } finally {
      note();
    }
  }

  /** A lender that cannot be read is told and done without; the source goes on from where it stopped. */
  async *#readLent(lender: BlobLender): AsyncGenerator<Buffer> {
    const { signal, emit } = this.#options;
    const { digest } = this.#job.blob;
    try {
      yield* (await lender.open(digest, this.#bytes, signal)) as AsyncIterable<Buffer>;
    } catch (fault) {
      signal.throwIfAborted();
      const message = `${lender.name}: blob ${digest} cannot be read there: ${messageOf(fault)}`;
      emit({ type: 'note', level: 'warning', message });
    }
  }

  /** Fetches what is missing, checks the whole, and says so. Returns the bytes that were fetched. */
  async fetchRest(splits: () => boolean): Promise<number> {
    const { blob } = this.#job;
    const { emit, crew, written } = this.#options;
    const kept = within(written, { from: this.#bytes, to: blob.size });
    if (kept.length > 0) this.#isOwn = true;
    const present = this.#bytes + lengthOf(kept);
    const about = this.#about();
    const isComplete = present === blob.size && this.isPatched;
    crew.done(present);
    let fetched = 0;
    if (!isComplete) {
      this.#tellStart(present);
      fetched = await this.#fetchGaps(kept, splits);
    }
    await this.#finish();
    if (isComplete) {
      const reason = this.#lentBy[0] === undefined ? 'already present' : `taken from ${this.#lentBy[0].name}`;
      emit({ type: 'skipped', ...about, reason, bytes: blob.size });
    } else {
      emit({ type: 'done', ...about, bytes: blob.size, ...this.#detail() });
    }
    return fetched;
  }

  /** Of wrong content nothing is to be kept by the next run. */
  noteFailure(fault: unknown): void {
    if (isWrongContent(fault)) this.#options.journal.forget(this.#job.blob.digest);
  }

  async #fetchGaps(kept: readonly Stretch[], splits: () => boolean): Promise<number> {
    const { blob, image } = this.#job;
    const { source, journal, signal, emit, crew } = this.#options;
    const onServed = (host: string): void => void this.#servedBy.push(host);
    const pieces = new BlobPieces({
      ...{ job: this.#job, from: this.#bytes, kept, hash: this.#hash, crew, splits, signal },
      open: (start, end, stop) => {
        const to = end < blob.size ? { to: end } : {};
        this.#parts += 1;
        return source.openBlob(image, blob, { from: start, ...to, signal: stop, onServed });
      },
      name: () => this.#whole(),
      onBytes: (bytes) => {
        emit({ type: 'progress', task: 'pull', item: blob.digest, bytes });
      },
      onWritten: (stretch) => {
        journal.note(blob.digest, stretch);
      },
    });
    await crew.sharing(pieces, () => pieces.fetch());
    this.#bytes = blob.size;
    return pieces.fetched;
  }

  #about(): { readonly task: 'pull'; readonly item: string; readonly label: string } {
    return { task: 'pull', item: this.#job.blob.digest, label: labelOfJob(this.#job) };
  }

  #tellStart(present: number): void {
    this.#options.emit({ type: 'started', ...this.#about(), bytes: this.#job.blob.size, present });
  }

  /** What stands on this machine moves too, as whoever waits for it can see; but it tells nothing of the network. */
  #tellPresent(): void {
    const { digest: item } = this.#job.blob;
    const bytes = this.#bytes;
    this.#options.emit({ type: 'progress', task: 'pull', item, bytes, present: bytes });
  }

  #detail(): { readonly detail?: string } {
    const givers = this.#givers();
    // Documents that were read for the plan come from memory.
    return givers === '' ? {} : { detail: `from ${givers}` };
  }

  /** Who gave what was fetched. */
  #givers(): string {
    return [...new Set(this.#servedBy)].join(' and ');
  }

  /** Says which copy on this machine turned out to be damaged. */
  tellDamage(): void {
    for (const { name } of this.#lentBy) {
      const message = `${name}: blob ${this.#job.blob.digest} is damaged there`;
      this.#options.emit({ type: 'note', level: 'warning', message });
    }
  }

  async #put(bytes: Buffer): Promise<void> {
    for (const { archive, offset } of this.#job.places) await archive.write([bytes], offset + this.#bytes);
    this.#bytes += bytes.length;
    this.#hash.reach(this.#bytes);
  }

  async #finish(): Promise<void> {
    const { blob, places } = this.#job;
    const { journal, lenders } = this.#options;
    this.#hash.reach(blob.size);
    const got = `sha256:${await this.#hash.digest()}`;
    if (got !== blob.digest) throw digestMismatch(this.#whole(), blob.digest, got);
    for (const lender of lenders) {
      if (lender.taken === undefined || lender.held(blob) === 0) continue;
      // What a lender gives up must not be lost when the machine goes down now.
      for (const { archive } of places) await archive.sync();
      await journal.flush();
      await lender.taken(blob.digest);
    }
    for (const { archive } of places) archive.finish(blob.digest);
  }

  /** The blob as messages about its whole content call it: by the images, and by who gave it. */
  #whole(): string {
    const givers = this.#givers();
    return `${nameOfJob(this.#job)}${givers === '' ? '' : ` from ${givers}`}`;
  }
}
