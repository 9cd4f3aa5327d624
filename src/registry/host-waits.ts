import { setTimeout as sleep } from 'node:timers/promises';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { interrupted } from './interrupted.ts';

/** Waits from this length on (3 s) are told; shorter ones nobody would notice. */
const moment = 3_000;

/**
 * What a host wants to be spared: everything, or only manifests, which count as pulls. Where heads of manifests do not
 * count, they are still answered when the manifests are not; where they are refused, so are the manifests.
 */
export type Spared = 'all' | 'pulls' | 'heads';

/** The holds that are in the way of what is asked for. */
const heeded: Readonly<Record<Spared, readonly Spared[]>> = {
  all: ['all'],
  heads: ['all', 'heads'],
  pulls: ['all', 'heads', 'pulls'],
};

interface Hold {
  /** In milliseconds of the clock. */
  readonly until: number;
  /** The answer that asked for it. */
  readonly error: PackferryError;
}

/**
 * Which hosts want to be left alone, and until when. All requests of a source share it: when one of them is told to wait,
 * the others do not come to hear it, too.
 */
export class HostWaits {
  readonly #emit: Emit;
  readonly #maxWait: number;
  readonly #holds = new Map<string, Hold>();

  /** `maxWait`: milliseconds that one wait may take. */
  constructor(maxWait: number, emit: Emit) {
    this.#maxWait = maxWait;
    this.#emit = emit;
  }

  /** Leaves a host alone for so many milliseconds; `error` is how it asked. */
  hold(host: string, spared: Spared, milliseconds: number, error: PackferryError): void {
    const until = Date.now() + milliseconds;
    const key = `${spared} ${host}`;
    const before = this.#holds.get(key)?.until ?? 0;
    if (until <= before) return;
    this.#holds.set(key, { until, error });
    // Answers to requests that were under way ask for the same wait, some milliseconds later.
    const isNew = before < Date.now() || until - before > moment;
    if (isNew && milliseconds <= this.#maxWait) this.#tell(host, error.message, milliseconds);
  }

  /** Waits until a host may be asked, `asks` whether for something that counts as a pull. Throws `E_RATE_LIMITED` when that would take too long. */
  async ready(host: string, asks: Spared, what: string, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const holds = heeded[asks].map((spared) => this.#holds.get(`${spared} ${host}`));
      const [hold] = holds.sort((a, b) => (b?.until ?? 0) - (a?.until ?? 0));
      const left = (hold?.until ?? 0) - Date.now();
      if (hold === undefined || left <= 0) return;
      if (left > this.#maxWait) throw tooLong(hold, host, what);
      await pause(left, what, signal);
    }
  }

  /** Waits before something is tried again, and says so when it takes more than a moment. */
  async pause(
    what: string,
    error: PackferryError,
    milliseconds: number,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#tell(what, error.message, milliseconds);
    await pause(milliseconds, what, signal);
  }

  #tell(what: string, message: string, milliseconds: number): void {
    if (milliseconds < moment) return;
    const reason = message.startsWith(`${what}: `) ? message.slice(what.length + 2) : message;
    const until = new Date(Date.now() + milliseconds).toISOString();
    this.#emit({ type: 'waiting', what, reason, milliseconds: Math.round(milliseconds), until });
  }
}

function tooLong({ until, error }: Hold, host: string, what: string): PackferryError {
  const time = new Date(until).toISOString().replace(/\.\d+Z$/, 'Z');
  return new PackferryError(
    'E_RATE_LIMITED',
    `${what}: ${host} wants to be left alone until ${time}, longer than --max-wait allows`,
    {
      hint: `Run the same command again after ${time}: what was fetched is kept. A longer --max-wait waits for it; a mirror may have it now.`,
      cause: error.cause ?? error,
    },
  );
}

async function pause(delay: number, what: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delay, undefined, signal === undefined ? {} : { signal });
  } catch (fault) {
    throw signal?.aborted === true ? interrupted(signal, what) : fault;
  }
}
