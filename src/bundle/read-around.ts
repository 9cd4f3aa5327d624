import type { FileHandle } from 'node:fs/promises';
import type { Gap } from '../archive/check.ts';

const pieceSize = 1024 * 1024;
/** The least that systems read from a medium at once. */
const sectorSize = 4096;

type Piece = { readonly bytes: Buffer } | { readonly fault: unknown };

export interface ReadAroundOptions {
  /** Where to go on, given the first byte behind a place that cannot be read: there, or at a later one. */
  readonly behind: (offset: number) => number;
  /** Told of every read that was refused for good. */
  readonly onFault: (fault: unknown) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads a file once, from its first byte to `end` (exclusive) or to its end, the next MiB while the last one is being
 * worked on. What the medium refuses is tried once more in steps of 4 KiB; those that it refuses again are gaps, and
 * reading goes on behind them. Every piece is a buffer of its own. Throws the reason of the signal only.
 */
export async function* readAround(
  file: FileHandle,
  end: number,
  { behind, onFault, signal }: ReadAroundOptions,
): AsyncGenerator<Buffer | Gap> {
  const read = async (at: number, most: number): Promise<Piece> => {
    const wanted = Math.max(0, Math.min(most, end - at));
    try {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
      return { bytes: buffer.subarray(0, bytesRead) };
    } catch (fault) {
      return { fault };
    }
  };
  let at = 0;
  let ahead = read(at, pieceSize);
  try {
    while (at < end) {
      signal?.throwIfAborted();
      const piece = await ahead;
      if ('bytes' in piece) {
        if (piece.bytes.length === 0) return;
        at += piece.bytes.length;
        ahead = read(at, pieceSize);
        yield piece.bytes;
        continue;
      }
      for (const refused = Math.min(at + pieceSize, end); at < refused;) {
        signal?.throwIfAborted();
        const step = Math.min(sectorSize - (at % sectorSize), end - at);
        const sector = await read(at, step);
        if ('bytes' in sector) {
          if (sector.bytes.length === 0) return;
          at += sector.bytes.length;
          yield sector.bytes;
        } else {
          onFault(sector.fault);
          const next = Math.min(Math.max(behind(at + step), at + step), end);
          const gap = next - at;
          at = next;
          yield { gap };
        }
      }
      ahead = read(at, pieceSize);
    }
  } finally {
    // Nobody may close the file while it is being read.
    await ahead;
  }
}
