import { allOf, limited, RateLimit, type Clock } from './rate-limit.ts';
import type { ImageSource } from '../core/ports.ts';
import { withBlobs } from './with-blobs.ts';

/** How many targets are brought images, how fast, and how often what broke on the way is tried again. */
export interface Pace {
  /** Targets that are asked, and brought images, at the same time. Default: 8. */
  readonly targetsAtOnce?: number;
  /** Bytes per second that are sent to all targets together. Default: no limit. */
  readonly limitRate?: number;
  /** Bytes per second that are sent to each target. Default: no limit. */
  readonly limitRatePerTarget?: number;
  /** How often an image is brought again when the connection broke. Default: 5. */
  readonly retries?: number;
  /** Milliseconds before the first time; doubles each time. Default: 1 second. */
  readonly retryDelay?: number;
}

/** Targets at the same time where nobody says how many. */
export const usualTargetsAtOnce = 8;

/** The source for one more target, which gives as fast as may be sent there. `clock` is that of the machine when absent. */
export function limitedSources(
  { limitRate, limitRatePerTarget }: Pace,
  clock?: Clock,
): (source: ImageSource) => ImageSource {
  const total = limitRate === undefined ? [] : [new RateLimit(limitRate, clock)];
  return (source) => {
    // Its own first: a slow target takes nothing from the others while it waits.
    const own = limitRatePerTarget === undefined ? [] : [new RateLimit(limitRatePerTarget, clock)];
    const limits = [...own, ...total];
    if (limits.length === 0) return source;
    const { unpacked } = source;
    return withBlobs(
      source,
      async (image, blob, options) => limited(await source.openBlob(image, blob, options), limits),
      // Of a save some is read that is not sent.
      unpacked && { ...unpacked, pace: allOf(limits) },
    );
  };
}
