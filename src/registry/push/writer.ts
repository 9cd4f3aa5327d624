import type { Readable } from 'node:stream';
import { asPackferryError, type PackferryError } from '../../core/errors.ts';
import type { Descriptor } from '../../core/image.ts';
import type { RegistryClient, RepositoryRequest } from '../client.ts';
import type { Endpoint, Repository } from '../endpoint.ts';
import { openBlob } from '../open-blob.ts';
import { printable } from '../refusal-words.ts';
import { openResuming } from '../resuming-blob.ts';
import type { RetryPolicy } from '../retry.ts';
import { discard, headerOf, type Answer } from '../transport.ts';
import { targetFault } from './fault.ts';

/** Whoever answers with one of these is there. 401 among them: nobody logs in for it. */
const anyAnswer: readonly number[] = [200, 401, 403, 404, 405, 429, 500, 502, 503, 504];

/** Requests to the one registry that images are brought to; their errors are those of a target. */
export class Writer {
  readonly endpoint: Endpoint;
  readonly #client: RegistryClient;

  constructor(client: RegistryClient, endpoint: Endpoint) {
    this.#client = client;
    this.endpoint = endpoint;
  }

  /** When and how often requests are repeated. */
  get policy(): RetryPolicy {
    return this.#client.policy;
  }

  /** The repository of this path, prefix included. `mountsFrom` is another one, of which a blob is wanted. */
  repository(path: string, mountsFrom?: string): Repository {
    const { endpoint } = this;
    return { endpoint, path, access: 'push', ...(mountsFrom === undefined ? {} : { mountsFrom }) };
  }

  /** Sends a request and hands its answer to `read`. Throws `E_TARGET_...`. */
  async send<T>(
    repository: Repository,
    request: RepositoryRequest,
    read: (answer: Answer) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#client.send(repository, request, read);
    } catch (fault) {
      throw this.fault(fault);
    }
  }

  /** The same for answers of which only status and headers are wanted. */
  async ask(repository: Repository, request: RepositoryRequest): Promise<Answer> {
    return this.send(repository, request, async (answer) => {
      await discard(answer);
      return answer;
    });
  }

  /**
   * Throws `E_TARGET_UNREACHABLE` when nobody answers there, after a few seconds: whoever mistyped the host wants to hear of it. A
   * registry that is busy, or wants no such question, is there.
   */
  async reach(signal?: AbortSignal): Promise<void> {
    const { endpoint } = this;
    const path = endpoint.prefix.replace(/\/$/, '');
    const url = new URL('/v2/', endpoint.origin);
    try {
      await this.ask(
        { endpoint, path },
        { path: url, expects: anyAnswer, retries: 2, what: `registry://${endpoint.name}`, signal },
      );
    } catch (fault) {
      signal?.throwIfAborted();
      const error = asPackferryError(fault);
      if (error.code === 'E_TARGET_UNREACHABLE') throw error;
    }
  }

  /** Opens a blob of a repository, to be read; its digest is not checked. A connection that breaks is made anew. Throws `E_TARGET_...`. */
  async read(path: string, blob: Descriptor, what: string, signal: AbortSignal): Promise<Readable> {
    const client = this.#client;
    const repository = { endpoint: this.endpoint, path };
    const [from, to] = [0, blob.size];
    try {
      return await openResuming({
        ...{
          blob,
          from,
          to,
          what,
          signal,
          policy: client.policy,
          closed: client.closed,
          onServed: undefined,
        },
        open: (at, stop) =>
          openBlob(client, repository, { blob, isManifest: false, from: at, to, what, signal: stop }),
      });
    } catch (fault) {
      throw this.fault(fault);
    }
  }

  fault(fault: unknown): PackferryError {
    return targetFault(fault, this.endpoint.host);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** What a registry says that it has taken, when that is not `digest`. */
export function otherDigest(answer: Answer, digest: string): string | undefined {
  const said = headerOf(answer, 'docker-content-digest');
  return said === undefined || said === digest ? undefined : printable(said);
}
