import { Transform, type Readable, type TransformCallback, pipeline } from 'node:stream';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { SendingPace } from '../core/ports.ts';

/** A clock that never goes back, in milliseconds. `sleep` rejects when the signal fires. */
export interface Clock {
  readonly now: () => number;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

const monotonic: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
};

/** Milliseconds of sending that may be made up for at once: timers fire late, and the rate is to be kept all the same. */
const slack = 100;

/** Fewer bytes at a time would cost more than they weigh. */
const leastPiece = 1024;

/**
 * So many bytes per second, for all who ask it together (a token bucket that holds what may be sent in 100 ms). Whoever asks
 * first goes first.
 */
export class RateLimit implements SendingPace {
  /** So small that all come to their turn, and nothing goes in gusts. */
  readonly piece: number;
  readonly #perMillisecond: number;
  readonly #clock: Clock;
  /** When all that was granted will have been sent. */
  #free = -Infinity;

  constructor(bytesPerSecond: number, clock: Clock = monotonic) {
    this.#perMillisecond = bytesPerSecond / 1000;
    this.#clock = clock;
    this.piece = Math.max(leastPiece, Math.floor((bytesPerSecond * slack) / 1000));
  }

  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const start = Math.max(this.#free, now - slack);
    this.#free = start + bytes / this.#perMillisecond;
    if (start > now) await this.#clock.sleep(start - now, signal);
  }
}

/** As fast as every one of these allows. */
export function allOf(limits: readonly SendingPace[]): SendingPace {
  return {
    piece: Math.min(...limits.map(({ piece }) => piece)),
    take: async (bytes, signal) => {
      for (const limit of limits) await limit.take(bytes, signal);
    },
  };
}

/** `stream` no faster than every one of `limits` allows. It is read no faster either: nothing piles up. */
export function limited(stream: Readable, limits: readonly SendingPace[]): Readable {
  // pipeline reports through the last stream; the callback only keeps it from throwing.
  return pipeline(stream, new LimitedStream(allOf(limits)), () => undefined);
}

class LimitedStream extends Transform {
  readonly #pace: SendingPace;
  readonly #stop = new AbortController();

  constructor(pace: SendingPace) {
    super();
    this.#pace = pace;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pass(chunk).then(() => done(), done);
  }

  override _destroy(fault: Error | null, done: (fault?: Error | null) => void): void {
    this.#stop.abort();
    done(fault);
  }

  async #pass(chunk: Buffer): Promise<void> {
    const { piece } = this.#pace;
    for (let at = 0; at < chunk.length; at += piece) {
      const part = chunk.subarray(at, at + piece);
      await this.#pace.take(part.length, this.#stop.signal);
      this.push(part);
    }
  }
}
