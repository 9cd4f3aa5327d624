import type { Digest } from '../core/digest.ts';
import type { Emit } from '../core/events.ts';
import { DocumentCache, type ImageDocument } from './document-cache.ts';
import { DocumentFolder } from './document-folder.ts';

/** In memory; the documents of some thousand images. */
const cacheBytes = 32 * 1024 * 1024;

/** Documents that need not be fetched: those of this run, in memory, and those of earlier ones, in a folder if there is one. */
export class KnownDocuments {
  readonly #cache = new DocumentCache(cacheBytes);
  readonly #folder: DocumentFolder | undefined;

  constructor(folder: string | undefined, emit: Emit) {
    this.#folder = folder === undefined ? undefined : new DocumentFolder(folder, emit);
  }

  /** Did earlier runs leave anything? */
  async hasEarlier(): Promise<boolean> {
    return (await this.#folder?.hasEarlier()) ?? false;
  }

  /** What this run has read. */
  recent(digest: Digest): ImageDocument | undefined {
    return this.#cache.get(digest);
  }

  /** What this run or an earlier one has read; of earlier ones with a `mediaType` only what was announced as that. */
  async find(digest: Digest, mediaType?: string): Promise<ImageDocument | undefined> {
    const recent = this.#cache.get(digest);
    if (recent !== undefined) return recent;
    const kept = await this.#folder?.get(digest);
    if (kept === undefined || (mediaType !== undefined && kept.mediaType !== mediaType)) return undefined;
    this.#cache.add(kept);
    return kept;
  }

  /** Keeps what was read and checked. Will the next run have it, too? */
  async keep(document: ImageDocument): Promise<boolean> {
    this.#cache.add(document);
    return (await this.#folder?.put(document)) ?? false;
  }

  async close(): Promise<void> {
    await this.#folder?.close();
  }
}
