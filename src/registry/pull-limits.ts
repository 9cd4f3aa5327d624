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
  /** What the next run has to fetch: those of them that were not kept, and one at least for each image that was refused for the limit. */
  readonly pending: number;
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

  /** An answer to a request for a manifest (`isPull`), or for its head only. */
  note(registry: string, answer: Answer, isPull: boolean): void {
    const limit = pullLimitOf(answer);
    const pulls = isPull && answer.status === 200 ? 1 : 0;
    this.#add(registry, { manifests: pulls, pending: pulls, ...(limit === undefined ? {} : { limit }) });
  }

  /** An image was not given, since too many pulls were made. */
  refuse(registry: string): void {
    this.#add(registry, { pending: 1 });
  }

  /** A manifest that was fetched is kept: nobody will have to fetch it again. */
  keep(registry: string): void {
    this.#add(registry, { pending: -1 });
  }

  #add(registry: string, { manifests = 0, pending = 0, limit }: Partial<PullCount>): void {
    const before = this.#counts.get(registry);
    const known = limit ?? before?.limit;
    this.#counts.set(registry, {
      registry,
      manifests: (before?.manifests ?? 0) + manifests,
      pending: (before?.pending ?? 0) + pending,
      ...(known === undefined ? {} : { limit: known }),
    });
  }

  counts(): readonly PullCount[] {
    return [...this.#counts.values()];
  }
}
