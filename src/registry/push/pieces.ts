import type { Readable } from 'node:stream';
import { PackferryError } from '../../core/errors.ts';
import { giveBack } from '../../core/slabs.ts';

/** A part of a blob. */
export interface Piece {
  readonly bytes: Buffer;
  /** Nothing comes behind it. */
  readonly isLast: boolean;
}

/**
 * A stream of `total` bytes in pieces of `size` bytes, the last one shorter. The last one is given when the stream has
 * come to a good end, and not before: of a stream that is checked on the way, wrong content is never given to its end.
 */
export async function* piecesOf(stream: Readable, total: number, size: number): AsyncGenerator<Piece> {
  let left = total;
  let piece = Buffer.allocUnsafe(Math.min(size, left));
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      if (length === piece.length) {
        left -= length;
        if (left <= 0) throw new PackferryError('E_INTERNAL', 'a blob has more bytes than were let through');
        yield { bytes: piece, isLast: false };
        piece = Buffer.allocUnsafe(Math.min(size, left));
        length = 0;
      }
      const copied = chunk.copy(piece, length, at);
      at += copied;
      length += copied;
    }
    giveBack(chunk);
  }
  yield { bytes: piece.subarray(0, length), isLast: true };
}
