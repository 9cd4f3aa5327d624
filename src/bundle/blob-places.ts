import { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../core/image.ts';
import type { BlobOptions } from '../core/ports.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { openBundleFile, type SeenFile } from './folder.ts';

const readSize = 1024 * 1024;

/**
 * The blobs of a bundle by the places that its document gives. Nothing is believed: what stands at a place is for the
 * reader to hash.
 */
export class BlobPlaces {
  readonly #dir: string;
  readonly #seen: ReadonlyMap<string, SeenFile>;
  readonly #places = new Map<
    Digest,
    { readonly file: string; readonly offset: number; readonly size: number }
  >();

  /** `seen`: how the files were before; one that is another by the time when it is opened is refused. */
  constructor(
    dir: string,
    { archives }: Pick<BundleDocument, 'archives'>,
    seen: ReadonlyMap<string, SeenFile> = new Map(),
  ) {
    this.#dir = dir;
    this.#seen = seen;
    for (const { file, blobs } of archives) {
      for (const { digest, offset, size } of blobs) this.#places.set(digest, { file, offset, size });
    }
  }

  /** Does the document name a place for this blob, of this size? */
  has({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): boolean {
    return this.#places.get(digest)?.size === size;
  }

  /** Reads a blob; undefined when there is no place for it. Throws `E_BUNDLE_INCOMPLETE` when the archive cannot be opened, `E_BUNDLE_MALFORMED` when it is another file by now. */
  async open(digest: Digest, { from = 0, signal }: BlobOptions = {}): Promise<Readable | undefined> {
    const place = this.#places.get(digest);
    if (place === undefined) return undefined;
    if (from >= place.size) return Readable.from([]);
    const file = await openBundleFile(this.#dir, place.file, this.#seen.get(place.file));
    return file.createReadStream({
      start: place.offset + from,
      end: place.offset + place.size - 1,
      highWaterMark: readSize,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}
