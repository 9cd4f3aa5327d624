import { BaseMissing } from '../core/base-missing.ts';
import type { Digest } from '../core/digest.ts';
import { longestChainFirst } from './longest-chain.ts';

/** A delivery that waits for its turn. */
export interface Waiting<T> {
  readonly value: T;
  /** Blobs that the target lacks, with their sizes. Empty also where the target cannot reuse what another delivery brings. */
  readonly missing: ReadonlyMap<Digest, number>;
  /** May it begin while what it stands on is still on the way? Default: yes, where the order lets any. */
  readonly mayGoAhead?: boolean;
}

/** Deliveries that run, and bring what another one lacks that has begun all the same. */
export interface Bases<T> {
  readonly values: readonly T[];
  /**
   * Gives the place among the running ones to another delivery until all of them have arrived. Rejects with `BaseMissing` when one of
   * them has not.
   */
  readonly wait: () => Promise<void>;
}

export interface OrderOptions<R> {
  /** Deliveries at a time; as many again may wait for what they stand on. */
  readonly jobs: number;
  /** Tells from an answer whether the image is there now. */
  readonly arrived: (answer: R) => boolean;
  /** They begin in the order given. Default: those first on which most bytes wait. */
  readonly asGiven?: boolean;
  /** Where nothing else can begin, deliveries begin before what they stand on is there. Default: no. */
  readonly ahead?: boolean;
}

interface Running<T> {
  readonly value: T;
  /** Blobs that this one brings, not those that others were already bringing when it began. */
  readonly brings: ReadonlySet<Digest>;
  readonly arrived: Promise<void>;
  readonly end: Promise<void>;
  isWaiting: boolean;
}

/**
 * Runs deliveries to one target, `jobs` at a time, so that every missing blob travels once: an image waits while another
 * one brings a blob that it lacks too, and finds it there afterwards; or it goes `ahead`, without that blob, and waits at its end.
 * `deliver` rejects with `BaseMissing` when what it stood on did not arrive: then the delivery has its turn again. Answers stand
 * in the order given. What else `deliver` throws ends it: nothing more is started, what runs is waited for, and the first fault is
 * thrown.
 */
export async function deliverInOrder<T, R>(
  waiting: readonly Waiting<T>[],
  deliver: (value: T, bases?: Bases<T>) => Promise<R>,
  { jobs, arrived, asGiven = false, ahead = false }: OrderOptions<R>,
): Promise<R[]> {
  const answers: R[] = [];
  const faults: unknown[] = [];
  const running = new Set<Running<T>>();
  const there = new Set<Digest>();
  const order = asGiven ? [...waiting.keys()] : longestChainFirst(waiting.map(({ missing }) => missing));
  const queue = [...order];
  let wake = (): void => undefined;
  const again = (at: number): void => {
    queue.push(at);
    queue.sort((a, b) => order.indexOf(a) - order.indexOf(b));
  };
  const lackingOf = (at: number): Digest[] =>
    [...(waiting[at]?.missing.keys() ?? [])].filter((digest) => !there.has(digest));
  /** Those on the way that bring some of what this one lacks. */
  const basesOf = (at: number): Running<T>[] => {
    const lacking = lackingOf(at);
    return [...running].filter(({ brings }) => lacking.some((digest) => brings.has(digest)));
  };

  const start = (at: number, { value }: Waiting<T>): void => {
    const bases = basesOf(at);
    const brings = new Set(lackingOf(at).filter((digest) => !bases.some((base) => base.brings.has(digest))));
    const arrivedBases = allArrived(bases);
    const wait = async (): Promise<void> => {
      one.isWaiting = true;
      wake();
      await arrivedBases.finally(() => (one.isWaiting = false));
    };
    const onto = bases.length === 0 ? undefined : { values: bases.map((base) => base.value), wait };
    const run = async (): Promise<void> => {
      try {
        const answer = await deliver(value, onto);
        answers[at] = answer;
        if (!arrived(answer)) throw new BaseMissing();
        for (const digest of brings) there.add(digest);
      } finally {
        running.delete(one);
      }
    };
    const arrival = Promise.resolve().then(run);
    const end = arrival.catch((fault: unknown) => {
      if (!(fault instanceof BaseMissing)) faults.push(fault);
      else if (!(at in answers)) again(at);
    });
    const one: Running<T> = { value, brings, arrived: arrival, end, isWaiting: false };
    running.add(one);
  };
  const nextOf = (): number => {
    const waitingNow = [...running].filter(({ isWaiting }) => isWaiting).length;
    const hasRoom = running.size - waitingNow < jobs && running.size < 2 * jobs;
    if (faults.length > 0 || !hasRoom) return -1;
    const free = queue.findIndex((at) => basesOf(at).length === 0);
    return free === -1 && ahead ? queue.findIndex((at) => waiting[at]?.mayGoAhead !== false) : free;
  };

  while ((queue.length > 0 && faults.length === 0) || running.size > 0) {
    const next = nextOf();
    const [at] = next === -1 ? [] : queue.splice(next, 1);
    const chosen = at === undefined ? undefined : waiting[at];
    if (at !== undefined && chosen !== undefined) start(at, chosen);
    else {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      await Promise.race([woken, ...[...running].map(({ end }) => end)]);
    }
  }
  if (faults.length > 0) throw faults[0];
  return answers;
}

/** Rejects with `BaseMissing` when one of them has not arrived. */
function allArrived(bases: readonly Running<unknown>[]): Promise<void> {
  const arrived = Promise.all(bases.map((base) => base.arrived)).then(
    () => undefined,
    () => Promise.reject(new BaseMissing()),
  );
  // Whoever has failed before does not wait for it.
  arrived.catch(() => undefined);
  return arrived;
}
