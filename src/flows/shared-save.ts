/** Bytes that are kept between the first and the last of those who read a save. */
const usualWindow = 8 * 1024 * 1024;

/** One who reads along. */
interface Place {
  /** The piece that it reads next, counted from the first of all. */
  at: number;
}

/**
 * One stream that several read from its first byte to its last, each piece once. An engine cannot begin a save in the
 * middle, so nobody may fall behind for good: whoever is further ahead than the window waits for the last one, and
 * whoever is to be waited for no longer has to leave (`leave`, or the signal of its reading).
 */
export class SharedSave {
  readonly #open: (stop: AbortSignal) => AsyncIterable<Buffer>;
  readonly #window: number;
  readonly #stop = new AbortController();
  readonly #readers = new Set<Place>();
  /** What somebody has still to read. */
  readonly #pieces: Buffer[] = [];
  /** The number of the first of these. */
  #first = 0;
  #bytes = 0;
  #iterator: AsyncIterator<Buffer> | undefined;
  #advancing: Promise<void> | undefined;
  #ending: { readonly fault?: unknown } | undefined;
  #waiting: (() => void)[] = [];

  constructor(open: (stop: AbortSignal) => AsyncIterable<Buffer>, window = usualWindow) {
    this.#open = open;
    this.#window = window;
  }

  /** A place at the first byte. Only before anybody reads: what was read is not kept for those who come. */
  join(): Place {
    const place = { at: 0 };
    this.#readers.add(place);
    return place;
  }

  /** Gives a place up. What nobody reads any more is closed. Returns whether anybody is left. */
  leave(place: Place): boolean {
    if (this.#readers.delete(place)) {
      this.#forget();
      if (this.#readers.size === 0) this.#close();
    }
    return this.#readers.size > 0;
  }

  /** The bytes. Throws what the stream throws, to everybody, and the reason of the signal, to this one alone. */
  async *read(place: Place, signal?: AbortSignal): AsyncGenerator<Buffer> {
    const wake = (): void => this.#wake();
    signal?.addEventListener('abort', wake);
    try {
      for (;;) {
        const piece = await this.#next(place, signal);
        if (piece === undefined) return;
        yield piece;
      }
    } finally {
      signal?.removeEventListener('abort', wake);
      this.leave(place);
    }
  }

  async #next(place: Place, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      const piece = this.#pieces[place.at - this.#first];
      if (piece !== undefined) {
        place.at += 1;
        this.#forget();
        return piece;
      }
      if (this.#ending !== undefined) {
        if ('fault' in this.#ending) throw this.#ending.fault;
        return undefined;
      }
      if (this.#bytes < this.#window) this.#advancing ??= this.#advance();
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }

  /** Reads one piece; whoever waits finds out what came of it. */
  async #advance(): Promise<void> {
    try {
      const iterator = (this.#iterator ??= this.#open(this.#stop.signal)[Symbol.asyncIterator]());
      const next = await iterator.next();
      if (next.done === true) this.#ending = {};
      else {
        this.#pieces.push(next.value);
        this.#bytes += next.value.length;
      }
    } catch (fault) {
      this.#ending = { fault };
    }
    this.#advancing = undefined;
    this.#wake();
  }

  /** Lets go of what everybody has read. */
  #forget(): void {
    const slowest = Math.min(...[...this.#readers].map(({ at }) => at));
    while (this.#first < slowest) {
      const [piece] = this.#pieces.splice(0, 1);
      if (piece === undefined) break;
      this.#bytes -= piece.length;
      this.#first += 1;
    }
    this.#wake();
  }

  #close(): void {
    this.#stop.abort();
    // Whose it is has nobody to tell how that went.
    this.#iterator?.return?.().catch(() => undefined);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
