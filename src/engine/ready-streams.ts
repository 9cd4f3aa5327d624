import type { Duplex } from 'node:stream';

/** Milliseconds that a stream waits to be taken; engines close idle ones after 5 s or more, and must not be the first. */
const patience = 2000;

/** Streams of one kind, some of which are opened before they are asked for: far away, opening takes a round trip. */
export class ReadyStreams {
  readonly #open: () => Promise<Duplex>;
  readonly #ready: Promise<Duplex | undefined>[] = [];
  readonly #timers = new WeakMap<Duplex, NodeJS.Timeout>();

  constructor(open: () => Promise<Duplex>) {
    this.#open = open;
  }

  /** Begins to open so many. What does not open is not told here: whoever takes one hears of it. */
  prepare(count: number): void {
    for (let at = 0; at < count; at += 1) {
      this.#ready.push(
        this.#open().then(
          (stream) => {
            // An open stream is no reason to go on running.
            this.#timers.set(stream, setTimeout(() => stream.destroy(), patience).unref());
            return stream;
          },
          () => undefined,
        ),
      );
    }
  }

  /** One that is ready, or else a new one. Throws what opening throws. */
  async take(): Promise<Duplex> {
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      const stream = await next;
      if (stream === undefined || stream.destroyed) continue;
      clearTimeout(this.#timers.get(stream));
      return stream;
    }
    return this.#open();
  }

  /** Closes those that nobody has taken. */
  close(): void {
    for (const ready of this.#ready.splice(0)) void ready.then((stream) => stream?.destroy());
  }
}
