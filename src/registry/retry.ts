import { setTimeout as sleep } from 'node:timers/promises';
import { asPackferryError, type PackferryError } from '../core/errors.ts';
import { isPassing, isPassingRefusal, Refusal } from '../core/http-faults.ts';
import { interrupted } from './interrupted.ts';

export interface RetryPolicy {
  /** Repetitions after the first try. */
  readonly retries: number;
  /** Milliseconds before the first repetition; doubles each time. */
  readonly retryDelay: number;
}

const longestDelay = 30_000;
/** A server that wants a longer pause than this (2 minutes) is reported at once instead. */
export const longestRetryAfter = 120_000;

/** Runs `attempt` again as long as it throws an error that may pass. The waits end at once when `signal` aborts. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (fault) {
      const error = asPackferryError(fault);
      if (signal?.aborted === true) throw interrupted(signal, what);
      const delay = delayAfter(error, tries, policy);
      if (delay === undefined) throw error;
      await pause(delay, what, signal);
    }
  }
}

/** Milliseconds to wait before trying again, or undefined when that would not help. */
export function delayAfter(error: PackferryError, tries: number, policy: RetryPolicy): number | undefined {
  if (tries >= policy.retries || !(isPassing(error) || isPassingRefusal(error))) return undefined;
  const asked = error.cause instanceof Refusal ? (error.cause.retryAfter ?? 0) : 0;
  if (asked > longestRetryAfter) return undefined;
  // Jitter keeps parallel requests from coming back all at once.
  const own = Math.min(longestDelay, policy.retryDelay * 2 ** tries) * (0.5 + Math.random() / 2);
  return Math.max(own, asked);
}

async function pause(delay: number, what: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delay, undefined, signal === undefined ? {} : { signal });
  } catch (fault) {
    throw signal?.aborted === true ? interrupted(signal, what) : fault;
  }
}
