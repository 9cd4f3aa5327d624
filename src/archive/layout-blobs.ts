import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { isDigest, type Digest } from '../core/digest.ts';
import type { Descriptor } from '../core/image.ts';
import { readRange } from './file-range.ts';
import { blobFile, regularFileSize } from './layout-folder.ts';
import { requireLayout } from './oci-layout.ts';

/** The blobs that lay in an OCI image layout folder when it was looked at, by digest. Their content may be anything. */
export class LayoutBlobs {
  readonly name: string;
  readonly #dir: string;
  readonly #sizes: ReadonlyMap<Digest, number>;

  private constructor(dir: string, sizes: ReadonlyMap<Digest, number>) {
    this.name = `oci:${dir}`;
    this.#dir = dir;
    this.#sizes = sizes;
  }

  /** Lists the blobs. Throws `E_SOURCE_UNREACHABLE` when the folder is no layout. */
  static async list(dir: string): Promise<LayoutBlobs> {
    await requireLayout(dir);
    const sizes = new Map<Digest, number>();
    for (const hex of await readdir(path.join(dir, 'blobs', 'sha256'))) {
      const digest = `sha256:${hex}`;
      if (!isDigest(digest)) continue;
      const size = await regularFileSize(blobFile(dir, digest));
      if (size !== undefined) sizes.set(digest, size);
    }
    return new LayoutBlobs(dir, sizes);
  }

  /** The size of the blob when the folder has it with this size, otherwise 0. */
  held({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): number {
    return this.#sizes.get(digest) === size ? size : 0;
  }

  /** Opens a blob from a byte on; not verified. */
  open(digest: Digest, from: number, signal: AbortSignal): Promise<Readable> {
    const content = readRange(blobFile(this.#dir, digest), from, this.#sizes.get(digest) ?? 0);
    return Promise.resolve(addAbortSignal(signal, content));
  }
}
