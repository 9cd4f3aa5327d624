import type { Stats } from 'node:fs';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { messageOf, PackferryError, systemCodeOf, type ErrorCode } from '../core/errors.ts';

export interface SmallFileOptions {
  readonly maxBytes: number;
  /** The code of every error. */
  readonly code: ErrorCode;
  /** What to do when there is no such file. */
  readonly hint: string;
}

export interface SmallFile {
  readonly bytes: Buffer;
  readonly stats: Stats;
}

/** Reads a regular file (links are followed, pipes and devices refused without blocking) up to a limit in bytes. */
export async function readSmallFile(path: string, options: SmallFileOptions): Promise<SmallFile> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) {
      const what = stats.isDirectory() ? 'a folder, not a file' : 'not a regular file';
      throw new PackferryError(options.code, `${path}: ${what}`, { hint: options.hint });
    }
    return { bytes: await readUpTo(handle, path, stats.size, options), stats };
  } catch (cause) {
    if (cause instanceof PackferryError) throw cause;
    const why = systemCodeOf(cause) === 'ENOENT' ? 'there is no such file' : messageOf(cause);
    throw new PackferryError(options.code, `${path}: ${why}`, { hint: options.hint, cause });
  } finally {
    await handle?.close();
  }
}

/** Bytes that there is room for at first, where `stat` says less. */
const leastRoom = 4096;

/**
 * The size that `stat` gives is only the first guess at the room that is needed: the file may grow, and some files report none.
 * Room is doubled as long as there is more to read, up to the limit.
 */
async function readUpTo(
  handle: FileHandle,
  path: string,
  size: number,
  { maxBytes, code }: SmallFileOptions,
): Promise<Buffer> {
  // One byte more: whether that was all shows without more room.
  let buffer = Buffer.alloc(Math.min(Math.max(size, leastRoom), maxBytes) + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
    if (length > maxBytes) {
      throw new PackferryError(code, `${path}: over the limit of ${maxBytes} bytes`, {
        hint: 'Is it the right file? What belongs there is far smaller.',
      });
    }
    if (length < buffer.length) continue;
    const more = Buffer.alloc(Math.min(length, maxBytes + 1 - length));
    buffer = Buffer.concat([buffer, more]);
  }
}
