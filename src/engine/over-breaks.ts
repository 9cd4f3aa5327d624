import { setTimeout as delay } from 'node:timers/promises';
import { asPackferryError } from '../core/errors.ts';
import { tellWait, type Emit } from '../core/events.ts';
import { backOff } from '../registry/retry.ts';
import { connectionBroke } from './broken-way.ts';

export interface OverBreaksOptions {
  /** The engine, for messages. */
  readonly name: string;
  /** How often the work is begun anew. */
  readonly retries: number;
  /** Milliseconds before the first time; doubles each time, up to 30 seconds. */
  readonly retryDelay: number;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/** Milliseconds. */
const longestPause = 30_000;

/** Does work that may be done twice, and begins it anew when the connection to the engine broke. Throws what the work throws. */
export async function overBreaks<T>(
  { name, retries, retryDelay, emit, signal }: OverBreaksOptions,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (fault) {
      signal?.throwIfAborted();
      const error = asPackferryError(fault);
      if (tries >= retries || !connectionBroke(error)) throw fault;
      emit({ type: 'note', level: 'warning', message: `${error.message}; it is saved again` });
      await pauseAfterBreak(tries, error.message, { name, retryDelay, emit, signal });
    }
  }
}

/** Waits before the repetition after so many (from 0), and says so where it takes long. Throws the reason of the signal. */
export async function pauseAfterBreak(
  tries: number,
  message: string,
  { name, retryDelay, emit, signal }: Omit<OverBreaksOptions, 'retries'>,
): Promise<void> {
  const pause = backOff(tries, { retryDelay, maxWait: longestPause });
  tellWait(emit, name, message, pause);
  // An interruption is thrown as what it is.
  await delay(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  signal?.throwIfAborted();
}
