import type { Digest } from '../core/digest.ts';

/** A manifest, index or config with the digest that its bytes have. */
export interface ImageDocument {
  readonly digest: Digest;
  /** As the registry named it, without parameters; empty when it did not. */
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/**
 * Documents that were read while resolving, so that copying the image does not fetch them again: Docker Hub counts
 * every GET of a manifest. The oldest go when the bytes exceed the limit.
 */
export class DocumentCache {
  readonly #maxBytes: number;
  readonly #documents = new Map<Digest, ImageDocument>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(digest: Digest): ImageDocument | undefined {
    return this.#documents.get(digest);
  }

  add(document: ImageDocument): void {
    if (document.bytes.length > this.#maxBytes || this.#documents.has(document.digest)) return;
    this.#documents.set(document.digest, document);
    this.#bytes += document.bytes.length;
    for (const [digest, { bytes }] of this.#documents) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#documents.delete(digest);
      this.#bytes -= bytes.length;
    }
  }
}
