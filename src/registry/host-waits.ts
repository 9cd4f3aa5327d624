import { setTimeout as sleep } from 'node:timers/promises';
import { PackferryError } from '../core/errors.ts';
import { tellWait, toldWait, type Emit } from '../core/events.ts';
import { interrupted } from './interrupted.ts';

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
  /** Has somebody been told who waits for it, and who goes elsewhere? */
  readonly told: { waited: boolean; avoided: boolean };
}

/** Why a request was not sent: its host wants to be left alone for longer than the request may wait. */
export class HeldOff extends Error {
  override readonly name = 'HeldOff';
  /** In milliseconds of the clock. */
  readonly until: number;

  constructor(until: number, cause: unknown) {
    super('the host wants to be left alone', { cause });
    this.until = until;
  }
}

export interface Asking {
  /** `pulls` for what registries count as a pull, `heads` for heads of manifests. */
  readonly asks: Spared;
  /** What is being fetched, for messages: names the image. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Another host can be asked instead: only a moment is waited for. */
  readonly hurry?: boolean | undefined;
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
    const before = this.#holds.get(key);
    if (before !== undefined && until <= before.until) return;
    // Answers to requests that were under way ask for the same wait, some milliseconds later.
    const isSame = before !== undefined && before.until >= Date.now() && until - before.until <= toldWait;
    this.#holds.set(key, { until, error, told: isSame ? before.told : { waited: false, avoided: false } });
  }

  /** Waits until a host may be asked. Throws `E_RATE_LIMITED` with `HeldOff` as its cause when that would take too long. */
  async ready(host: string, { asks, what, signal, hurry = false }: Asking): Promise<void> {
    const longest = hurry ? Math.min(toldWait, this.#maxWait) : this.#maxWait;
    for (;;) {
      const holds = heeded[asks].map((spared) => this.#holds.get(`${spared} ${host}`));
      const [hold] = holds.sort((a, b) => (b?.until ?? 0) - (a?.until ?? 0));
      const left = (hold?.until ?? 0) - Date.now();
      if (hold === undefined || left <= 0) return;
      if (left > longest) {
        if (hurry) this.#tellAvoided(hold, host);
        throw tooLong(hold, host, what);
      }
      if (!hold.told.waited) {
        hold.told.waited = true;
        tellWait(this.#emit, host, hold.error.message, left);
      }
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
    tellWait(this.#emit, what, error.message, milliseconds);
    await pause(milliseconds, what, signal);
  }

  #tellAvoided({ until, told }: Hold, host: string): void {
    if (told.avoided) return;
    told.avoided = true;
    const message = `${host} wants to be left alone until ${timeOf(until)}: what else is set for its images is asked meanwhile`;
    this.#emit({ type: 'note', level: 'info', message });
  }
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}

function tooLong({ until, error }: Hold, host: string, what: string): PackferryError {
  const time = timeOf(until);
  return new PackferryError(
    'E_RATE_LIMITED',
    `${what}: ${host} wants to be left alone until ${time}, longer than --max-wait allows`,
    {
      hint: `Run the same command again after ${time}: what was fetched is kept. A longer --max-wait waits for it; a mirror may have it now.`,
      cause: new HeldOff(until, error.cause ?? error),
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
