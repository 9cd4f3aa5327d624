import type { PackferryError } from '../core/errors.ts';
import { challengeOf } from './challenge.ts';
import type { Endpoint, Repository } from './endpoint.ts';
import { connectionFault } from './connection-fault.ts';
import type { FilledOptions } from './options.ts';
import type { Content } from './http/request.ts';
import { HostWaits, type Spared } from './host-waits.ts';
import { PullCounter } from './pull-limits.ts';
import { Ranges } from './ranges.ts';
import { refusalOf } from './refusal.ts';
import { withRetries, type RetryPolicy } from './retry.ts';
import { Tokens } from './tokens.ts';
import {
  discard,
  headerOf,
  Transport,
  type Answer,
  type Asked,
  type Method,
  type Registry,
} from './transport.ts';

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

/** Any request to a repository. */
export interface RepositoryRequest extends Omit<RepositoryGet, 'path' | 'method'> {
  /** Also a whole address, to which the registry has led: it may be another host, which then learns no account. */
  readonly path: string | URL;
  /** Default: GET. */
  readonly method?: Method;
  readonly content?: Content;
  /** The statuses of success; with 401 among them nobody logs in. */
  readonly expects: readonly number[];
  /** Sent no second time after a fault: whoever asks has to see first what came of it. */
  readonly once?: boolean;
  /** Repeated at most so often. Default: as often as the policy says. */
  readonly retries?: number;
}

/** Milliseconds for which an endpoint that could not be reached gets only one try per request. */
const patience = 60_000;

/** Reads from repositories and writes to them: tokens and repetition on top of the transport. */
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

  /** Sends a GET, with every answer but 200 and 206 as an error. See `send`. */
  async get<T>(repository: Repository, get: RepositoryGet, read: (answer: Answer) => Promise<T>): Promise<T> {
    return this.send(repository, { ...get, expects: [200, 206] }, read);
  }

  /**
   * Sends a request and hands a successful answer to `read`, which must take care of the body at once. When the
   * connection breaks while `read` waits, the whole request is repeated; what `read` returned is not watched any more.
   * Any status that is not expected throws the error to report.
   */
  async send<T>(
    repository: Repository,
    request: RepositoryRequest,
    read: (answer: Answer) => Promise<T>,
  ): Promise<T> {
    const { what, signal } = request;
    const isForeign = urlOf(repository, request.path).origin !== repository.endpoint.origin;
    const used = isForeign ? undefined : await this.#tokens.authorization(repository, what, signal);
    const first = await this.#attempt(repository, request, used, read);
    if ('value' in first) return first.value;
    if (first.challenge === '') throw first.refusal;
    const renewed = await this.#tokens.renew(repository, first.challenge, used, what, signal);
    // A password that was refused does not get better; asking too often locks accounts.
    if (renewed === used) throw first.refusal;
    const second = await this.#attempt(repository, request, renewed, read);
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
    request: RepositoryRequest,
    authorization: string | undefined,
    read: (answer: Answer) => Promise<T>,
  ): Promise<{ value: T } | { challenge: string; refusal: PackferryError }> {
    const { endpoint } = repository;
    const { what, signal, path, expects, once = false, retries = this.policy.retries } = request;
    const url = urlOf(repository, path);
    const isForeign = url.origin !== endpoint.origin;
    const asked: Asked = {
      ...{ url, method: request.method, content: request.content, authorization, what, signal },
      ...(request.headers === undefined ? {} : { headers: request.headers }),
      ...(isForeign ? { registry: registryOf(endpoint) } : { host: endpoint.host }),
    };
    const asks = kindOf(request);
    const isDown = performance.now() < (this.#down.get(url.origin) ?? 0);
    const policy = { ...this.policy, retries: isDown || once ? 0 : Math.min(retries, this.policy.retries) };
    try {
      const outcome = await withRetries(
        async () => {
          const sent = await this.#transport.ask(asked);
          const answer = isForeign ? { ...sent, elsewhere: true } : sent;
          if (asks !== 'all') this.pulls.note(endpoint.name, answer, asks === 'pulls');
          if (authorization !== undefined) this.#tokens.note(repository, answer);
          if (answer.status === 401 && !answer.elsewhere && !expects.includes(401)) {
            return {
              challenge: challengeOf(answer),
              refusal: await this.#refusalOf(answer, repository, what),
            };
          }
          if (!expects.includes(answer.status)) throw await this.#refusalOf(answer, repository, what);
          if (typeof path === 'string' && path.startsWith('blobs/')) {
            this.ranges.announced(endpoint.origin, headerOf(answer, 'accept-ranges'));
          }
          return { value: await readOrFault(answer, read, what) };
        },
        policy,
        { host: url.host, what, signal, asks, hurry: repository.hurry },
      );
      this.#down.delete(url.origin);
      return outcome;
    } catch (fault) {
      const error = connectionFault(fault, url, what);
      // What was sent once is looked after by whoever sent it.
      if (error.code === 'E_SOURCE_UNREACHABLE' && !once) {
        this.#down.set(url.origin, performance.now() + patience);
      }
      throw error;
    }
  }
}

function urlOf({ endpoint, path }: Repository, below: string | URL): URL {
  return typeof below === 'string' ? new URL(`/v2/${path}/${below}`, endpoint.origin) : below;
}

function registryOf({ origin, host }: Endpoint): Registry {
  return { url: new URL(origin), host };
}

/** Manifests count as pulls, their heads do not. */
function kindOf({ path, method }: RepositoryRequest): Spared {
  if (typeof path !== 'string' || !path.startsWith('manifests/')) return 'all';
  if (method === undefined) return 'pulls';
  return method === 'HEAD' ? 'heads' : 'all';
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
