import { isDigest, type Digest } from '../core/digest.ts';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import { isIndexType, isManifestType } from '../core/media-types.ts';
import type { RegistryClient, RepositoryGet } from './client.ts';
import type { CredentialSource } from './credentials/credential.ts';
import type { Repository } from './endpoint.ts';
import type { KnownDocuments } from './known-documents.ts';
import { discard, headerOf } from './transport.ts';

/** What a registry says of a manifest without giving it. */
export interface Head {
  readonly digest: Digest;
  /** Only a type of manifests or indexes that is understood. */
  readonly mediaType: string | undefined;
}

/** Nobody was reached who could answer a GET in another way. */
const unreached = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'HTTP_CONNECT_TIMEOUT',
]);

/**
 * Asks registries what a tag stands for without fetching it: Docker Hub does not count HEADs as pulls. What is
 * refused is left to a GET. A registry of which only GETs come to something is not asked a second time.
 */
export class Heads {
  readonly #client: RegistryClient;
  readonly #credentials: CredentialSource;
  readonly #known: KnownDocuments;
  readonly #useless = new Set<string>();
  /** What was asked for by HEAD, and what was fetched by GET when that told nothing. */
  readonly #asked = new Set<string>();
  readonly #fetched = new Set<string>();

  constructor(client: RegistryClient, credentials: CredentialSource, known: KnownDocuments) {
    this.#client = client;
    this.#credentials = credentials;
    this.#known = known;
  }

  /**
   * Undefined when only a GET can tell. What a registry says of a digest counts only when it is that digest. Throws where
   * a GET would fare no better: nobody answers, an account was refused (asking too often locks it), or the registry
   * wants to be spared even this for longer than the longest wait.
   */
  async ask(repository: Repository, tagOrDigest: string, get: RepositoryGet): Promise<Head | undefined> {
    if (this.#useless.has(repository.endpoint.origin)) return undefined;
    const key = keyOf(repository, tagOrDigest);
    // Nothing is known that an answer could name, as in the first run on a machine: a GET follows in any case.
    if (!this.#fetched.has(key) && !(await this.#known.hasEarlier())) return undefined;
    this.#asked.add(key);
    try {
      return await this.#client.get(repository, { ...get, method: 'HEAD' }, async (answer) => {
        await discard(answer);
        const announced = headerOf(answer, 'docker-content-digest');
        const digest = announced ?? (isDigest(tagOrDigest) ? tagOrDigest : '');
        if (!isDigest(digest) || (isDigest(tagOrDigest) && digest !== tagOrDigest)) return undefined;
        const type = headerOf(answer, 'content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
        return { digest, mediaType: isManifestType(type) || isIndexType(type) ? type : undefined };
      });
    } catch (fault) {
      if (!(fault instanceof PackferryError)) throw fault;
      if (fault.code === 'E_RATE_LIMITED' && isDigest(tagOrDigest)) {
        // What it stands for needs no answer, and whether it is still there shows when its blobs are fetched.
        return { digest: tagOrDigest, mediaType: undefined };
      }
      if (await this.#isFinal(fault, repository)) throw fault;
      return undefined;
    }
  }

  async #isFinal({ code, cause }: PackferryError, { endpoint, path }: Repository): Promise<boolean> {
    if (code === 'E_SOURCE_UNREACHABLE') return unreached.has(systemCodeOf(cause) ?? '');
    if (code === 'E_SOURCE_DENIED') {
      return (await this.#credentials.find(endpoint.host, path)) !== undefined;
    }
    return code !== 'E_IMAGE_NOT_FOUND' && code !== 'E_SOURCE_PROTOCOL';
  }

  /** A GET gave what a HEAD, if there was one, did not. */
  fetched(repository: Repository, tagOrDigest: string): void {
    const key = keyOf(repository, tagOrDigest);
    if (this.#asked.has(key)) this.#useless.add(repository.endpoint.origin);
    this.#fetched.add(key);
  }
}

function keyOf({ endpoint, path }: Repository, tagOrDigest: string): string {
  return `${endpoint.origin} ${path} ${tagOrDigest}`;
}
