import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import { systemCodeOf } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { readRange } from './file-range.ts';
import { blobFile, hasBlob } from './layout-folder.ts';

/**
 * Which blobs of a layout folder are good. A name and a length prove nothing: a blob that lies there is hashed before
 * it is relied on, once in the life of this object.
 */
export class GoodBlobs {
  readonly #dir: string;
  readonly #known = new Set<Digest>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Is the blob there, whole? One that is damaged or cannot be read is not. Throws the reason of the signal. */
  async has(blob: Descriptor, signal?: AbortSignal): Promise<boolean> {
    if (!(await hasBlob(this.#dir, blob))) return false;
    if (this.#known.has(blob.digest)) return true;
    if (!(await this.#matches(blob, signal))) return false;
    this.#known.add(blob.digest);
    return true;
  }

  /** The blob has just been written, hashed on the way. */
  add({ digest }: Descriptor): void {
    this.#known.add(digest);
  }

  async #matches(blob: Descriptor, signal: AbortSignal | undefined): Promise<boolean> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of readRange(blobFile(this.#dir, blob.digest), 0, blob.size)) {
        signal?.throwIfAborted();
        hash.update(chunk as Buffer);
      }
    } catch (fault) {
      signal?.throwIfAborted();
      // A bad sector: the blob is written anew, to another place of the disk.
      if (systemCodeOf(fault) !== undefined) return false;
      throw fault;
    }
    return `sha256:${hash.digest('hex')}` === blob.digest;
  }
}
