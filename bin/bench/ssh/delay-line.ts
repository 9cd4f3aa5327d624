import type { Socket } from 'node:net';

/** Bytes that may be on the way: more than any machine moves in one round trip, so that only the delay is felt. */
const window = 64 * 1024 * 1024;

/** One direction of a connection: what comes is handed on a while later, in order, however much it is. */
export class DelayLine {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delay: number;
  readonly #travelling: { readonly arrives: number; readonly bytes: Buffer }[] = [];
  #travellingBytes = 0;
  #isBlocked = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  /** `delay` in milliseconds; `count` is told of bytes as they set out. */
  constructor(from: Socket, to: Socket, delay: number, count: (bytes: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#delay = delay;
    from.on('data', (bytes: Buffer) => {
      if (to.destroyed) return;
      count(bytes.length);
      this.#travelling.push({ arrives: performance.now() + delay, bytes });
      this.#travellingBytes += bytes.length;
      if (this.#travellingBytes > window) from.pause();
      this.#deliver();
    });
    from.on('end', () => {
      this.#ended = true;
      this.#deliver();
    });
    to.on('drain', () => {
      this.#isBlocked = false;
      this.#deliver();
    });
    to.on('close', () => {
      clearTimeout(this.#timer);
      // What still comes is for nobody.
      this.#travelling.length = 0;
      from.resume();
    });
  }

  #deliver(): void {
    const now = performance.now();
    for (;;) {
      const next = this.#travelling[0];
      if (next === undefined || this.#isBlocked || this.#to.destroyed) break;
      if (next.arrives > now) {
        this.#wait(next.arrives - now);
        break;
      }
      this.#travelling.shift();
      this.#travellingBytes -= next.bytes.length;
      this.#isBlocked = !this.#to.write(next.bytes);
    }
    if (this.#from.isPaused() && this.#travellingBytes < window / 2) this.#from.resume();
    // An end of a line travels as long as bytes do.
    if (this.#ended && this.#travelling.length === 0) setTimeout(() => this.#to.end(), this.#delay);
  }

  #wait(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#deliver();
    }, milliseconds);
  }
}
