import type { PackferryError } from '../core/errors.ts';
import { asPackferryError } from '../core/errors.ts';
import { toldWait } from '../core/events.ts';
import { isPassing, isPassingRefusal, Refusal } from '../core/http-faults.ts';
import type { Asking, HostWaits, Spared } from './host-waits.ts';
import { interrupted } from './interrupted.ts';

export interface RetryPolicy {
  /** Repetitions after the first try. */
  readonly retries: number;
  /** Milliseconds before the first repetition; doubles each time. */
  readonly retryDelay: number;
  /** Milliseconds that one wait may take. */
  readonly maxWait: number;
  readonly waits: HostWaits;
}

export interface RetriedRequest extends Omit<Asking, 'asks'> {
  /** The host that is asked, with its port. */
  readonly host: string;
  /** `pulls` for what registries count as a pull, `heads` for heads of manifests. Default: `all`. */
  readonly asks?: Spared;
}

const longestDelay = 30_000;

/**
 * Runs `attempt`, a request to `host`, again as long as it throws an error that may pass. A host that asks for patience
 * is left alone by all requests. The waits end at once when `signal` aborts. Throws `E_RATE_LIMITED` for a wait that is
 * longer than allowed.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  { host, ...request }: RetriedRequest,
): Promise<T> {
  const { waits } = policy;
  const { what, signal, asks = 'all' } = request;
  const asking = { ...request, asks };
  for (let tries = 0; ; tries += 1) {
    await waits.ready(host, asking);
    try {
      return await attempt();
    } catch (fault) {
      const error = asPackferryError(fault);
      if (signal?.aborted === true) throw interrupted(signal, what);
      const asked = askedFor(error, tries, policy);
      if (asked !== undefined) waits.hold(host, sparedBy(error, asks), asked, error);
      // What is longer than allowed is said now, also after the last try.
      const longest = asking.hurry === true ? Math.min(toldWait, policy.maxWait) : policy.maxWait;
      if (asked !== undefined && asked > longest) await waits.ready(host, asking);
      if (tries >= policy.retries || !(isPassing(error) || isPassingRefusal(error))) throw error;
      if (asked === undefined) await waits.pause(what, error, backOff(tries, policy), signal);
    }
  }
}

/** Milliseconds before the repetition after so many (from 0). Jitter keeps parallel requests from coming back at once. */
export function backOff(
  tries: number,
  { retryDelay, maxWait }: Pick<RetryPolicy, 'retryDelay' | 'maxWait'>,
): number {
  return Math.min(longestDelay, maxWait, retryDelay * 2 ** tries) * (0.5 + Math.random() / 2);
}

/** For how long the host wants to be left alone: as it says, or when it only says "too many", longer each time. */
function askedFor(error: PackferryError, tries: number, policy: RetryPolicy): number | undefined {
  if (!(error.cause instanceof Refusal) || !isPassingRefusal(error)) return undefined;
  const { status, retryAfter } = error.cause;
  if (retryAfter === undefined && status !== 429) return undefined;
  return Math.max(retryAfter ?? 0, backOff(tries, policy));
}

/** Where the pulls are used up, blobs still come. */
function sparedBy({ cause }: PackferryError, asks: Spared): Spared {
  return cause instanceof Refusal && cause.usedUp ? asks : 'all';
}
