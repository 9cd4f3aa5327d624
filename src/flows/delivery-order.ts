import type { Digest } from '../core/digest.ts';

/** A delivery that waits for its turn. */
export interface Waiting<T> {
  readonly value: T;
  /** Blobs that the target lacks. Empty also where the target cannot reuse what another delivery brings. */
  readonly missing: ReadonlySet<Digest>;
  /** Bytes of them. */
  readonly bytes: number;
}

interface Running {
  readonly missing: ReadonlySet<Digest>;
  readonly end: Promise<void>;
}

/**
 * Runs deliveries to one target, `jobs` at a time, so that every missing blob travels once: an image waits while another
 * one brings a blob that it lacks too, and finds it there afterwards. Images that lack the fewest bytes go first: these
 * are the bases, or have them there soonest, and all that stand on them then go side by side; `asGiven`: they begin in the
 * order given. `arrived` tells from an answer whether the image is there now. Answers stand in the order given. What
 * `deliver` throws ends it: nothing more is started, what runs is waited for, and the first fault is thrown.
 */
export async function deliverInOrder<T, R>(
  waiting: readonly Waiting<T>[],
  jobs: number,
  deliver: (value: T) => Promise<R>,
  arrived: (answer: R) => boolean,
  asGiven = false,
): Promise<R[]> {
  const answers: R[] = [];
  const faults: unknown[] = [];
  const running = new Set<Running>();
  const there = new Set<Digest>();
  const queue = [...waiting.entries()];
  if (!asGiven) queue.sort(([, a], [, b]) => a.bytes - b.bytes);

  const start = (at: number, { value, missing }: Waiting<T>): void => {
    const run = async (): Promise<void> => {
      try {
        const answer = await deliver(value);
        answers[at] = answer;
        if (arrived(answer)) for (const digest of missing) there.add(digest);
      } catch (fault) {
        faults.push(fault);
      } finally {
        running.delete(one);
      }
    };
    const one: Running = { missing, end: Promise.resolve().then(run) };
    running.add(one);
  };
  /** Does nobody on the way bring any of this? */
  const isFree = ({ missing }: Waiting<T>): boolean => {
    const lacking = [...missing].filter((digest) => !there.has(digest));
    return ![...running].some((other) => lacking.some((digest) => other.missing.has(digest)));
  };

  while ((queue.length > 0 && faults.length === 0) || running.size > 0) {
    const mayStart = faults.length === 0 && running.size < jobs;
    const next = mayStart ? queue.findIndex(([, one]) => isFree(one)) : -1;
    const [chosen] = next === -1 ? [] : queue.splice(next, 1);
    if (chosen === undefined) await Promise.race([...running].map(({ end }) => end));
    else start(...chosen);
  }
  if (faults.length > 0) throw faults[0];
  return answers;
}
