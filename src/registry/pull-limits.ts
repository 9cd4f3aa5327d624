import { printable } from './refusal-words.ts';
import { headerOf, type Answer } from './transport.ts';

/** What a registry says of the pulls that it allows (Docker Hub: docs.docker.com/docker-hub/usage/pulls). */
export interface PullLimit {
  readonly limit: number;
  readonly remaining: number;
  /** Seconds in which so many are allowed. */
  readonly window?: number;
  /** Who is counted: an address or an account. */
  readonly source?: string;
}

/** The pulls of one registry: how many were made, and what is left. */
export interface PullCount {
  /** Host as references name it, or a mirror. */
  readonly registry: string;
  /** Manifests that were fetched from there: what registries count as pulls. */
  readonly manifests: number;
  /** What the registry announced last; absent when it did not. */
  readonly limit?: PullLimit;
}

/** Reads `ratelimit-limit: 100;w=21600`, `ratelimit-remaining` and `docker-ratelimit-source`. */
export function pullLimitOf(answer: Pick<Answer, 'headers'>): PullLimit | undefined {
  const limit = quantityOf(headerOf(answer, 'ratelimit-limit'));
  const remaining = quantityOf(headerOf(answer, 'ratelimit-remaining'));
  if (limit === undefined || remaining === undefined) return undefined;
  const window = remaining.window ?? limit.window;
  const source = headerOf(answer, 'docker-ratelimit-source');
  return {
    limit: limit.number,
    remaining: remaining.number,
    ...(window === undefined ? {} : { window }),
    ...(source === undefined ? {} : { source: printable(source) }),
  };
}

function quantityOf(header: string | undefined): { number: number; window: number | undefined } | undefined {
  const [, number, window] = /^\s*(\d{1,9})\s*(?:;\s*w=(\d{1,9}))?\s*$/.exec(header ?? '') ?? [];
  if (number === undefined) return undefined;
  return { number: Number(number), window: window === undefined ? undefined : Number(window) };
}

/** Counts the manifests that are fetched, and keeps what registries say of their limits. */
export class PullCounter {
  readonly #counts = new Map<string, PullCount>();

  /** An answer to a request for a manifest. */
  note(registry: string, answer: Answer): void {
    const before = this.#counts.get(registry);
    const limit = pullLimitOf(answer) ?? before?.limit;
    const isPull = answer.status === 200;
    const manifests = (before?.manifests ?? 0) + (isPull ? 1 : 0);
    this.#counts.set(registry, { registry, manifests, ...(limit === undefined ? {} : { limit }) });
  }

  counts(): readonly PullCount[] {
    return [...this.#counts.values()];
  }
}
