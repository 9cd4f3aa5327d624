import { setTimeout as sleep } from 'node:timers/promises';
import { asPackferryError, type PackferryError } from '../../core/errors.ts';
import { tellWait, type Emit } from '../../core/events.ts';
import { isPassing, isPassingRefusal, Refusal } from '../../core/http-faults.ts';
import { refuseAborted } from './fault.ts';

export interface RetryPolicy {
  /** Repetitions after the first try. */
  readonly retries: number;
  /** Milliseconds before the first repetition; doubles each time. */
  readonly retryDelay: number;
  /** Milliseconds that one wait may take. A server that wants a longer one is reported at once instead. */
  readonly maxWait: number;
  /** Gets to know of waits. */
  readonly emit: Emit;
  /** Ends the waits at once. */
  readonly signal: AbortSignal | undefined;
}

const longestDelay = 30_000;

/** Runs `attempt` again as long as it throws an error that may pass. `what` is for messages. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  what: string,
): Promise<T> {
  const { signal, emit } = policy;
  for (let tries = 0; ; tries += 1) {
    refuseAborted(signal, what);
    try {
      return await attempt();
    } catch (fault) {
      refuseAborted(signal, what);
      const error = asPackferryError(fault);
      const delay = delayAfter(error, tries, policy);
      if (delay === undefined) throw error;
      tellWait(emit, what, error.message, delay);
      // An abort ends the wait; the loop reports it.
      await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}

/** Milliseconds to wait before trying again, or undefined when that would not help. */
export function delayAfter(
  error: PackferryError,
  tries: number,
  policy: Pick<RetryPolicy, 'retries' | 'retryDelay' | 'maxWait'>,
): number | undefined {
  if (tries >= policy.retries || !(isPassing(error) || isPassingRefusal(error))) return undefined;
  const asked = error.cause instanceof Refusal ? (error.cause.retryAfter ?? 0) : 0;
  if (asked > policy.maxWait) return undefined;
  // Jitter keeps parallel requests from coming back all at once.
  const own =
    Math.min(longestDelay, policy.maxWait, policy.retryDelay * 2 ** tries) * (0.5 + Math.random() / 2);
  return Math.max(own, asked);
}
