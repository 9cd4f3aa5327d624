import { addAbortSignal, Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { ImageSource } from '../core/ports.ts';
import { withBlobs } from './with-blobs.ts';

/** Bytes that are kept for those who come later, of all blobs together. */
const usualWindow = 32 * 1024 * 1024;

/**
 * A source of which several targets take the same blobs, each at its own pace. What was read last, `window` bytes of all
 * blobs together, is kept: whoever needs it meanwhile gets it from there, so targets that keep up with each other cost one
 * read. The fastest one decides when the next bytes are read. One that falls behind further than the window reaches reads
 * on for itself, and one that comes later than that begins a reading of its own. Readers must not change the bytes.
 */
export function sharedSource(source: ImageSource, window = usualWindow): ImageSource {
  const feeds = new Map<Digest, Feed>();
  const kept = new Window(window);
  return withBlobs(source, async (image, blob, options = {}) => {
    const { from = 0, to, signal, onServed } = options;
    if (from > 0 || to !== undefined) return source.openBlob(image, blob, options);
    let feed = feeds.get(blob.digest);
    if (feed === undefined) {
      const open = (stop: AbortSignal): Promise<Readable> =>
        source.openBlob(image, blob, { signal: stop, ...(onServed === undefined ? {} : { onServed }) });
      const made: Feed = new Feed(open, kept, () => {
        if (feeds.get(blob.digest) === made) feeds.delete(blob.digest);
      });
      feed = made;
      feeds.set(blob.digest, feed);
    }
    const own = signal === undefined ? {} : { signal };
    const reader = new Reader(feed, (at) => source.openBlob(image, blob, { ...own, from: at }));
    // Nobody else listens yet, and it may be ended before it is handed out.
    reader.on('error', () => undefined);
    if (signal !== undefined) addAbortSignal(signal, reader);
    try {
      await feed.opened;
      return reader;
    } catch (fault) {
      reader.destroy();
      throw fault;
    }
  });
}

/** A piece of a blob that is kept. */
interface Piece {
  readonly feed: Feed;
  readonly at: number;
  readonly bytes: Buffer;
}

/** The pieces that were read last. */
class Window {
  readonly #size: number;
  /** In the order in which they were read. */
  readonly #pieces = new Set<Piece>();
  #bytes = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Keeps a piece, at the cost of the oldest ones. */
  keep(piece: Piece): void {
    this.#pieces.add(piece);
    this.#bytes += piece.bytes.length;
    for (const oldest of this.#pieces) {
      // The newest stays whatever its size: somebody waits for it.
      if (this.#bytes <= this.#size || oldest === piece) return;
      this.drop(oldest);
      oldest.feed.forget(oldest.at);
    }
  }

  drop(piece: Piece): void {
    if (this.#pieces.delete(piece)) this.#bytes -= piece.bytes.length;
  }
}

/** One reading of a blob from its start, as far as somebody has wanted it. */
class Feed {
  readonly opened: Promise<Readable>;
  readonly #window: Window;
  /** Called when nobody can begin with this reading any more. */
  readonly #retire: () => void;
  readonly #stop = new AbortController();
  /** What is still kept, by its place in the blob. */
  readonly #pieces = new Map<number, Piece>();
  #iterator: AsyncIterator<Buffer> | undefined;
  #advancing: Promise<void> | undefined;
  #end = 0;
  #isOver = false;
  #readers = 0;

  constructor(open: (stop: AbortSignal) => Promise<Readable>, window: Window, retire: () => void) {
    this.#window = window;
    this.#retire = retire;
    this.opened = this.#open(open);
  }

  join(): void {
    this.#readers += 1;
  }

  /** What nobody reads any more is closed; what was read to its end may still be of use to others. */
  leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0 || this.#isOver) return;
    this.#discard();
    this.#stop.abort();
    this.opened.then(
      (stream) => stream.destroy(),
      () => undefined,
    );
  }

  /** The piece at this byte: undefined at the end of the blob, `missed` when it is not kept any more. */
  async pieceAt(at: number): Promise<Buffer | undefined | 'missed'> {
    if (at === this.#end && !this.#isOver) await (this.#advancing ??= this.#advance());
    if (at === this.#end) return undefined;
    return this.#pieces.get(at)?.bytes ?? 'missed';
  }

  /** The window has given a piece up. */
  forget(at: number): void {
    this.#pieces.delete(at);
    if (at === 0) this.#retire();
  }

  async #open(open: (stop: AbortSignal) => Promise<Readable>): Promise<Readable> {
    try {
      const stream = await open(this.#stop.signal);
      // Told to those who read, once they do; without a listener it would end the process.
      stream.on('error', () => undefined);
      return stream;
    } catch (fault) {
      this.#discard();
      throw fault;
    }
  }

  async #advance(): Promise<void> {
    try {
      const iterator = (this.#iterator ??= (await this.opened)[
        Symbol.asyncIterator
      ]() as AsyncIterator<Buffer>);
      const next = await iterator.next();
      if (next.done === true) {
        this.#isOver = true;
        return;
      }
      const piece: Piece = { feed: this, at: this.#end, bytes: next.value };
      this.#end += piece.bytes.length;
      this.#pieces.set(piece.at, piece);
      this.#window.keep(piece);
    } catch (fault) {
      // Whoever tries again gets a new reading.
      this.#discard();
      throw fault;
    } finally {
      this.#advancing = undefined;
    }
  }

  #discard(): void {
    this.#retire();
    for (const piece of this.#pieces.values()) this.#window.drop(piece);
    this.#pieces.clear();
  }
}

/** One who reads along. */
class Reader extends Readable {
  readonly #feed: Feed;
  readonly #openFrom: (at: number) => Promise<Readable>;
  #at = 0;
  #hasLeft = false;
  #own: Readable | undefined;
  #iterator: AsyncIterator<Buffer> | undefined;

  constructor(feed: Feed, openFrom: (at: number) => Promise<Readable>) {
    super();
    this.#feed = feed;
    this.#openFrom = openFrom;
    feed.join();
  }

  override _read(): void {
    this.#next().then(
      (bytes) => this.push(bytes ?? null),
      (fault: unknown) => this.destroy(fault instanceof Error ? fault : new Error(String(fault))),
    );
  }

  override _destroy(fault: Error | null, done: (fault?: Error | null) => void): void {
    this.#leave();
    this.#own?.destroy();
    done(fault);
  }

  async #next(): Promise<Buffer | undefined> {
    if (!this.#hasLeft) {
      const bytes = await this.#feed.pieceAt(this.#at);
      if (bytes !== 'missed') {
        this.#at += bytes?.length ?? 0;
        return bytes;
      }
      this.#leave();
    }
    if (this.#iterator === undefined) {
      this.#own = await this.#openFrom(this.#at);
      if (this.destroyed) this.#own.destroy();
      this.#iterator = this.#own[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    }
    const next = await this.#iterator.next();
    return next.done === true ? undefined : next.value;
  }

  #leave(): void {
    if (!this.#hasLeft) this.#feed.leave();
    this.#hasLeft = true;
  }
}
