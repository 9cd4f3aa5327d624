import { isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { isIndexType, isManifestType } from '../core/media-types.ts';
import type { RegistryClient, RepositoryGet } from './client.ts';
import type { Endpoint, Repository } from './endpoint.ts';
import { discard, headerOf } from './transport.ts';

/** What a registry says of a manifest without giving it. */
export interface Head {
  readonly digest: Digest;
  /** Only a type of manifests or indexes that is understood. */
  readonly mediaType: string | undefined;
}

/**
 * Asks registries what a tag stands for without fetching it: Docker Hub does not count HEADs as pulls. Whatever goes
 * wrong leaves the answer to a GET. A registry of which only GETs come to something is not asked a second time.
 */
export class Heads {
  readonly #client: RegistryClient;
  readonly #useless = new Set<string>();

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  /**
   * Undefined when only a GET can tell. What a registry says of a digest counts only when it is that digest. Throws
   * `E_RATE_LIMITED` for a tag where the registry wants to be spared even this for longer than the longest wait: a GET
   * would fare no better.
   */
  async ask(repository: Repository, tagOrDigest: string, get: RepositoryGet): Promise<Head | undefined> {
    if (this.#useless.has(repository.endpoint.origin)) return undefined;
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
      if (!(fault instanceof PackferryError) || fault.code !== 'E_RATE_LIMITED') return undefined;
      if (!isDigest(tagOrDigest)) throw fault;
      // What it stands for needs no answer, and whether it is still there shows when its blobs are fetched.
      return { digest: tagOrDigest, mediaType: undefined };
    }
  }

  /** A GET gave what a HEAD did not. */
  giveUp({ origin }: Endpoint): void {
    this.#useless.add(origin);
  }
}
