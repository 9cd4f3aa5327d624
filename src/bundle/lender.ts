import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../core/image.ts';

/**
 * Something on this machine that has blobs: an unfinished export of other content, another bundle. Lenders are asked
 * before the network. What they give is hashed where it was put; a copy that turns out damaged is told and fetched.
 */
export interface BlobLender {
  /** What lends, for messages, e.g. `the unfinished export` or `bundle:/media/usb`. */
  readonly name: string;
  /** How many bytes of a blob there are, from its first one on: all of them, some, or 0. Touches no disk. */
  held(blob: Pick<Descriptor, 'digest' | 'size'>): number;
  /** Opens what there is of a blob from a byte on. The bytes are not verified yet. */
  open(digest: Digest, from: number, signal: AbortSignal): Promise<Readable>;
  /** The blob is safe in its new place: a lender whose copy nobody needs any more may give its room back. */
  taken?(digest: Digest): Promise<void>;
}
