import type { Socket } from 'node:net';
import type { TokenBucket } from './token-bucket.ts';

/** Bytes of one direction that may be on the way; more than the line holds (rate times delay), as TCP windows are. */
const window = 4 * 1024 * 1024;

/** One direction of a connection: bytes wait for their turn, then travel for a while, then arrive. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delay: number;
  readonly #bucket: TokenBucket;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  readonly #travelling: { readonly arrives: number; readonly bytes: Buffer }[] = [];
  #travellingBytes = 0;
  #isBlocked = false;
  #ended = false;
  #opensAt: number;

  /** `delay` and `opensAt` (before which nothing is sent) in milliseconds. */
  constructor(from: Socket, to: Socket, delay: number, opensAt: number, bucket: TokenBucket) {
    this.#from = from;
    this.#to = to;
    this.#delay = delay;
    this.#opensAt = opensAt;
    this.#bucket = bucket;
    from.on('data', (bytes: Buffer) => {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      if (this.#held() > window) from.pause();
    });
    from.on('end', () => (this.#ended = true));
    to.on('drain', () => (this.#isBlocked = false));
  }

  /** Sends at most `most` bytes off. Returns how many. */
  send(now: number, most: number): number {
    const head = this.#waiting[0];
    if (head === undefined || now < this.#opensAt) return 0;
    const length = Math.min(most, head.length, this.#bucket.available(now));
    if (length === 0) return 0;
    if (length === head.length) this.#waiting.shift();
    else this.#waiting[0] = head.subarray(length);
    this.#bucket.take(length);
    this.#waitingBytes -= length;
    this.#travellingBytes += length;
    this.#travelling.push({ arrives: now + this.#delay, bytes: head.subarray(0, length) });
    return length;
  }

  /** Hands over what has arrived, as far as the receiver takes it. */
  deliver(now: number): void {
    for (;;) {
      const next = this.#travelling[0];
      if (next === undefined || next.arrives > now || this.#isBlocked || this.#to.destroyed) break;
      this.#travelling.shift();
      this.#travellingBytes -= next.bytes.length;
      this.#isBlocked = !this.#to.write(next.bytes);
    }
    if (this.#from.isPaused() && this.#held() < window / 2) this.#from.resume();
    if (this.#ended && this.#held() === 0 && !this.#to.writableEnded) this.#to.end();
  }

  #held(): number {
    return this.#waitingBytes + this.#travellingBytes;
  }
}
