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
    return { bytes: await readUpTo(handle, path, options), stats };
  } catch (cause) {
    if (cause instanceof PackferryError) throw cause;
    const why = systemCodeOf(cause) === 'ENOENT' ? 'there is no such file' : messageOf(cause);
    throw new PackferryError(options.code, `${path}: ${why}`, { hint: options.hint, cause });
  } finally {
    await handle?.close();
  }
}

/** The size is not taken from `stat`: the file may grow, and some files report none. */
async function readUpTo(handle: FileHandle, path: string, options: SmallFileOptions): Promise<Buffer> {
  const buffer = Buffer.alloc(options.maxBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  throw new PackferryError(options.code, `${path}: over the limit of ${options.maxBytes} bytes`);
}
