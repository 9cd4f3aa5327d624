import type { PackferryError } from '../core/errors.ts';
import { challengeOf } from './challenge.ts';
import type { Repository } from './endpoint.ts';
import { connectionFault } from './connection-fault.ts';
import type { FilledOptions } from './options.ts';
import { HostWaits, type Spared } from './host-waits.ts';
import { PullCounter } from './pull-limits.ts';
import { Ranges } from './ranges.ts';
import { refusalOf } from './refusal.ts';
import { withRetries, type RetryPolicy } from './retry.ts';
import { Tokens } from './tokens.ts';
import { discard, headerOf, Transport, type Answer, type Get } from './transport.ts';

/** A GET, or a HEAD, below `/v2/<repository>/`. */
export interface RepositoryGet {
  /** `manifests/<reference>` or `blobs/<digest>`. */
  readonly path: string;
  /** Default: GET. */
  readonly method?: 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** What is being fetched, for messages: names the image. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds for which an endpoint that could not be reached gets only one try per request. */
const patience = 60_000;

/** Reads from repositories: tokens and repetition on top of the transport. */
export class RegistryClient {
  /** When and how often requests are repeated, and which hosts want to be left alone. */
  readonly policy: RetryPolicy;
  readonly #transport: Transport;
  readonly #tokens: Tokens;
  readonly #lifetime = new AbortController();
  /** Endpoints that could not be reached, and until when that is remembered. */
  readonly #down = new Map<string, number>();
  /** Counts the manifests that are fetched. */
  readonly pulls = new PullCounter();
  /** What is known of their giving parts of blobs. */
  readonly ranges = new Ranges();

  constructor(options: FilledOptions) {
    const { retries, retryDelay, maxWait, credentials, emit } = options;
    this.policy = { retries, retryDelay, maxWait, waits: new HostWaits(maxWait, emit) };
    this.#transport = new Transport(options);
    this.#tokens = new Tokens(this.#transport, { ...this.policy, credentials }, this.#lifetime.signal);
  }

  /** Aborts when the client is closed. */
  get closed(): AbortSignal {
    return this.#lifetime.signal;
  }

  /**
   * Sends a GET and hands a successful answer to `read`, which must take care of the body at once. When the connection
   * breaks while `read` waits, the whole request is repeated; what `read` returned is not watched any more. Anything
   * but 200 and 206 throws the error to report.
   */
  async get<T>(repository: Repository, get: RepositoryGet, read: (answer: Answer) => Promise<T>): Promise<T> {
    const { what, signal } = get;
    const used = await this.#tokens.authorization(repository, what, signal);
    const first = await this.#attempt(repository, get, used, read);
    if ('value' in first) return first.value;
    if (first.challenge === '') throw first.refusal;
    const renewed = await this.#tokens.renew(repository, first.challenge, used, what, signal);
    // A password that was refused does not get better; asking too often locks accounts.
    if (renewed === used) throw first.refusal;
    const second = await this.#attempt(repository, get, renewed, read);
    if ('value' in second) return second.value;
    throw second.refusal;
  }

  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.#transport.close();
  }

  /** What a registry itself says of accounts; storage hosts know none. */
  async #refusalOf(answer: Answer, repository: Repository, what: string): Promise<PackferryError> {
    const refusal = await refusalOf(answer, what);
    return answer.elsewhere ? refusal : this.#tokens.explain(refusal, repository);
  }

  async #attempt<T>(
    repository: Repository,
    get: RepositoryGet,
    authorization: string | undefined,
    read: (answer: Answer) => Promise<T>,
  ): Promise<{ value: T } | { challenge: string; refusal: PackferryError }> {
    const { endpoint, path } = repository;
    const { what, signal } = get;
    const request: Get = {
      url: new URL(`/v2/${path}/${get.path}`, endpoint.origin),
      ...(get.method === undefined ? {} : { method: get.method }),
      ...(get.headers === undefined ? {} : { headers: get.headers }),
      authorization,
      host: endpoint.host,
      what,
      signal,
    };
    const asks = kindOf(get);
    const isDown = performance.now() < (this.#down.get(endpoint.origin) ?? 0);
    const policy = isDown ? { ...this.policy, retries: 0 } : this.policy;
    try {
      const outcome = await withRetries(
        async () => {
          const answer = await this.#transport.get(request);
          if (asks !== 'all') this.pulls.note(endpoint.name, answer, asks === 'pulls');
          if (authorization !== undefined) this.#tokens.note(repository, answer);
          if (answer.status === 401 && !answer.elsewhere) {
            return {
              challenge: challengeOf(answer),
              refusal: await this.#refusalOf(answer, repository, what),
            };
          }
          if (answer.status !== 200 && answer.status !== 206)
            throw await this.#refusalOf(answer, repository, what);
          if (get.path.startsWith('blobs/')) {
            this.ranges.announced(endpoint.origin, headerOf(answer, 'accept-ranges'));
          }
          return { value: await readOrFault(answer, read, what) };
        },
        policy,
        { host: request.url.host, what, signal, asks, hurry: repository.hurry },
      );
      this.#down.delete(endpoint.origin);
      return outcome;
    } catch (fault) {
      const error = connectionFault(fault, request.url, what);
      if (error.code === 'E_SOURCE_UNREACHABLE') {
        this.#down.set(endpoint.origin, performance.now() + patience);
      }
      throw error;
    }
  }
}

/** Manifests count as pulls, their heads do not. */
function kindOf({ path, method }: RepositoryGet): Spared {
  if (!path.startsWith('manifests/')) return 'all';
  return method === undefined ? 'pulls' : 'heads';
}

async function readOrFault<T>(
  answer: Answer,
  read: (answer: Answer) => Promise<T>,
  what: string,
): Promise<T> {
  try {
    return await read(answer);
  } catch (fault) {
    await discard(answer);
    throw connectionFault(fault, answer.url, what);
  }
}
