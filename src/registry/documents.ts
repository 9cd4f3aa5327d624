import { collect } from '../core/collect.ts';
import { digestOf, isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { mediaTypes } from '../core/media-types.ts';
import { digestMismatch, sizeMismatch } from '../core/verify-stream.ts';
import type { RegistryClient } from './client.ts';
import type { DocumentCache, ImageDocument } from './document-cache.ts';
import type { Repository } from './endpoint.ts';
import { headerOf, type Answer } from './transport.ts';

/** The manifest types that are understood, the one of several platforms first. */
export const manifestAccept = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ');

/** Fetches manifests, indexes and configs of one repository; every one is checked before anybody reads it. */
export class Documents {
  readonly #client: RegistryClient;
  readonly #cache: DocumentCache;
  readonly #repository: Repository;
  /** The image, for messages. */
  readonly #name: string;
  readonly #signal: AbortSignal | undefined;

  constructor(
    client: RegistryClient,
    cache: DocumentCache,
    repository: Repository,
    name: string,
    signal: AbortSignal | undefined,
  ) {
    this.#client = client;
    this.#cache = cache;
    this.#repository = repository;
    this.#name = name;
    this.#signal = signal;
  }

  /** What stands under a tag or a digest. Throws `E_DIGEST_MISMATCH` when the bytes are not what was announced. */
  async named(tagOrDigest: string): Promise<ImageDocument> {
    if (isDigest(tagOrDigest)) {
      const known = this.#cache.get(tagOrDigest);
      if (known !== undefined) return known;
    }
    const path = `manifests/${tagOrDigest}`;
    const document = await this.#fetch(path, { accept: manifestAccept }, limits.imageManifest, this.#name);
    if (isDigest(tagOrDigest)) this.#check(document, tagOrDigest);
    this.#cache.add(document);
    return document;
  }

  /** A manifest or index that another document describes. */
  async manifest(descriptor: Descriptor): Promise<ImageDocument> {
    return this.#described(descriptor, 'manifests', limits.imageManifest);
  }

  /** The config of an image. */
  async config(descriptor: Descriptor): Promise<ImageDocument> {
    return this.#described(descriptor, 'blobs', limits.imageConfig);
  }

  async #described(
    { digest, size, mediaType }: Descriptor,
    kind: 'manifests' | 'blobs',
    limit: number,
  ): Promise<ImageDocument> {
    if (size > limit) {
      throw new PackferryError(
        'E_LIMIT_EXCEEDED',
        `${this.#name}: ${digest} is over the limit of ${limit} bytes`,
      );
    }
    const known = this.#cache.get(digest);
    const what = `${this.#name}: ${digest}`;
    const headers = kind === 'manifests' ? { accept: mediaType } : {};
    const document = known ?? (await this.#fetch(`${kind}/${digest}`, headers, limit, what));
    this.#check(document, digest);
    if (document.bytes.length !== size) throw sizeMismatch(what, size, String(document.bytes.length));
    this.#cache.add(document);
    return document;
  }

  async #fetch(
    path: string,
    headers: Readonly<Record<string, string>>,
    limit: number,
    what: string,
  ): Promise<ImageDocument> {
    const read = async (answer: Answer): Promise<ImageDocument> => {
      const bytes = await collect(answer.body, limit, what);
      const digest = digestOf(bytes);
      const announced = headerOf(answer, 'docker-content-digest');
      if (announced !== undefined && isDigest(announced) && announced !== digest) {
        throw digestMismatch(`${what} from ${answer.url.host}`, announced, digest);
      }
      const mediaType = headerOf(answer, 'content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
      return { digest, mediaType, bytes };
    };
    return this.#client.get(this.#repository, { path, headers, what, signal: this.#signal }, read);
  }

  #check(document: ImageDocument, expected: Digest): void {
    if (document.digest === expected) return;
    throw digestMismatch(
      `${this.#name}: content from ${this.#repository.endpoint.name}`,
      expected,
      document.digest,
    );
  }
}
