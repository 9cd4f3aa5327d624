import { collect } from '../core/collect.ts';
import { digestOf, isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { mediaTypes } from '../core/media-types.ts';
import { digestMismatch, sizeMismatch } from '../core/verify-stream.ts';
import type { RegistryClient } from './client.ts';
import type { ImageDocument } from './document-cache.ts';
import type { Repository } from './endpoint.ts';
import type { Heads } from './heads.ts';
import type { KnownDocuments } from './known-documents.ts';
import { headerOf, type Answer } from './transport.ts';

/** The manifest types that are understood, the one of several platforms first. */
export const manifestAccept = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ');

export interface DocumentsOptions {
  readonly client: RegistryClient;
  readonly known: KnownDocuments;
  /** Absent where registries are asked by GET only. */
  readonly heads: Heads | undefined;
  readonly repository: Repository;
  /** The image, for messages. */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

/** Gets manifests, indexes and configs of one repository; every one is checked before anybody reads it. */
export class Documents {
  readonly #options: DocumentsOptions;

  constructor(options: DocumentsOptions) {
    this.#options = options;
  }

  /**
   * What stands under a tag or a digest. The registry is asked in any case, by HEAD first where that can save something; what is known is not fetched
   * again then. Throws `E_DIGEST_MISMATCH` when the bytes are not what was announced.
   */
  async named(tagOrDigest: string): Promise<ImageDocument> {
    const { known, heads, repository, name, signal } = this.#options;
    const recent = isDigest(tagOrDigest) ? known.recent(tagOrDigest) : undefined;
    if (recent !== undefined) return recent;
    const path = `manifests/${tagOrDigest}`;
    const headers = { accept: manifestAccept };
    const head = await heads?.ask(repository, tagOrDigest, { path, headers, what: name, signal });
    const kept = head === undefined ? undefined : await known.find(head.digest);
    // What the registry calls it now counts, as if it had been fetched.
    if (kept !== undefined) return { ...kept, mediaType: head?.mediaType ?? kept.mediaType };
    const document = await this.#fetch(path, headers, limits.imageManifest, name);
    if (head === undefined) heads?.fetched(repository, tagOrDigest);
    if (isDigest(tagOrDigest)) this.#check(document, tagOrDigest);
    await this.#keepManifest(document);
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
    const { known, name } = this.#options;
    const what = `${name}: ${digest}`;
    if (size > limit) {
      throw new PackferryError('E_LIMIT_EXCEEDED', `${what} is over the limit of ${limit} bytes`);
    }
    const isManifest = kind === 'manifests';
    const kept = await known.find(digest, isManifest ? mediaType : undefined);
    const headers = isManifest ? { accept: mediaType } : {};
    const document = kept ?? (await this.#fetch(`${kind}/${digest}`, headers, limit, what));
    this.#check(document, digest);
    if (document.bytes.length !== size) throw sizeMismatch(what, size, String(document.bytes.length));
    if (kept !== undefined) return kept;
    if (isManifest) await this.#keepManifest(document);
    // Registries announce configs as anything.
    else await known.keep({ ...document, mediaType: '' });
    return document;
  }

  async #keepManifest(document: ImageDocument): Promise<void> {
    const { client, known, repository } = this.#options;
    if (await known.keep(document)) client.pulls.keep(repository.endpoint.name);
  }

  async #fetch(
    path: string,
    headers: Readonly<Record<string, string>>,
    limit: number,
    what: string,
  ): Promise<ImageDocument> {
    const { client, repository, signal } = this.#options;
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
    return client.get(repository, { path, headers, what, signal }, read);
  }

  #check(document: ImageDocument, expected: Digest): void {
    if (document.digest === expected) return;
    const { name, repository } = this.#options;
    throw digestMismatch(`${name}: content from ${repository.endpoint.name}`, expected, document.digest);
  }
}
