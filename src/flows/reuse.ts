import { Readable } from 'node:stream';
import { LayoutBlobs } from '../archive/layout-blobs.ts';
import { openFolderLender } from '../bundle/folder-lender.ts';
import type { BlobLender } from '../bundle/lender.ts';
import type { Digest } from '../core/digest.ts';
import { uniqueBlobs, type LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import { parseEndpointUrl, type EndpointRole } from './endpoint-url.ts';

const role: EndpointRole<'bundle' | 'oci'> = {
  noun: 'place to take blobs from',
  schemes: ['bundle', 'oci'],
  examples: 'Give the folder of a bundle, or oci:DIR.',
};

/**
 * Opens what `--reuse` names: the folder of a bundle, as it is or as `bundle:DIR`, or `oci:DIR`. Throws what is wrong
 * with the first that cannot be used: somebody counts on it.
 */
export async function openLenders(places: readonly string[]): Promise<BlobLender[]> {
  const lenders: BlobLender[] = [];
  for (const place of places) {
    // A single letter before a colon is a drive of Windows.
    const { scheme, rest } = /^[a-z-]{2,}:/i.test(place)
      ? parseEndpointUrl(place, role)
      : { scheme: 'bundle', rest: place };
    lenders.push(scheme === 'oci' ? await LayoutBlobs.list(rest) : await openFolderLender(rest));
  }
  return lenders;
}

/** Bytes of the blobs of these images that some lender has. */
export function lendableBytes(images: readonly LockedImage[], lenders: readonly BlobLender[]): number {
  return uniqueBlobs(images)
    .map((blob) => Math.max(0, ...lenders.map((lender) => lender.held(blob))))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Counts what lenders give, less what had to be fetched after all since it was damaged. */
export class ReuseCount {
  readonly #lent = new Map<Digest, number>();

  /** The bytes that were taken from lenders and kept. */
  get bytes(): number {
    return [...this.#lent.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The same lender, counted. */
  lender(lender: BlobLender): BlobLender {
    const open = async (digest: Digest, from: number, signal: AbortSignal): Promise<Readable> => {
      return Readable.from(this.#counted(digest, await lender.open(digest, from, signal)), {
        objectMode: false,
      });
    };
    return { name: lender.name, held: (blob) => lender.held(blob), open };
  }

  /** The same source: a blob that is fetched from its first byte was not lent. */
  source(source: ImageSource): ImageSource {
    return {
      name: source.name,
      resolve: (reference, platform, signal) => source.resolve(reference, platform, signal),
      openBlob: (image, blob, options) => {
        if ((options?.from ?? 0) === 0) this.#lent.delete(blob.digest);
        return source.openBlob(image, blob, options);
      },
      splits: (image) => source.splits?.(image) ?? false,
      close: () => source.close(),
    };
  }

  async *#counted(digest: Digest, content: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      this.#lent.set(digest, (this.#lent.get(digest) ?? 0) + chunk.length);
      yield chunk;
    }
  }
}
