import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';

/** What is read at a time, in bytes. */
const usualPiece = 1024 * 1024;

/**
 * The bytes of a regular file from `from` (inclusive) to `end` (exclusive), or to its end when that comes first. The
 * file is opened when the first byte is wanted. A symbolic link under this name is refused, and a pipe does not block.
 */
export function readRange(file: string, from: number, end: number, pieceSize = usualPiece): Readable {
  return Readable.from(pieces(file, from, end, pieceSize), { objectMode: false });
}

async function* pieces(file: string, from: number, end: number, pieceSize: number): AsyncGenerator<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new PackferryError('E_IO', `${file} is no regular file`);
    for (let at = from; at < end;) {
      const wanted = Math.min(pieceSize, end - at);
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
