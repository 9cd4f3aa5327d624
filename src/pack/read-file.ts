import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { messageOf, PackferryError, systemCodeOf, type ErrorCode } from '../core/errors.ts';
import { formatSize } from '../core/size.ts';

export interface ReadOptions {
  /** The code of every error that this throws, be the file missing, no regular file, unreadable or too large. */
  readonly code: ErrorCode;
  /** Upper limit in bytes. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

// Opening a pipe would otherwise wait for its other end. Windows has no such flag; a missing one counts as 0.
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** Reads a regular file whole, up to a limit. Errors name the path. */
export async function readFile(path: string, options: ReadOptions): Promise<Buffer> {
  try {
    options.signal?.throwIfAborted();
    const handle = await open(path, openFlags);
    try {
      return await readWhole(handle, path, options);
    } finally {
      await handle.close();
    }
  } catch (fault) {
    options.signal?.throwIfAborted();
    if (fault instanceof PackferryError) throw fault;
    throw unreadable(path, options.code, fault);
  }
}

async function readWhole(handle: FileHandle, path: string, { code, maxBytes }: ReadOptions): Promise<Buffer> {
  const info = await handle.stat();
  if (info.isDirectory()) throw new PackferryError(code, `${path}: a folder, not a file`);
  if (!info.isFile()) throw new PackferryError(code, `${path}: no regular file`);
  if (info.size > maxBytes) {
    const over = `${formatSize(info.size)}, over the limit of ${formatSize(maxBytes)}`;
    throw new PackferryError(code, `${path}: ${over}`);
  }
  const buffer = Buffer.allocUnsafe(info.size);
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled);
    if (bytesRead === 0) throw new PackferryError(code, `${path}: became shorter while it was read`);
    filled += bytesRead;
  }
  return buffer;
}

/** The error for a file or folder that the system does not let us read. */
export function unreadable(path: string, code: ErrorCode, cause: unknown): PackferryError {
  const systemCode = systemCodeOf(cause) ?? '';
  if (systemCode === 'ENOENT') return new PackferryError(code, `${path}: no such file`, { cause });
  if (systemCode !== 'EACCES' && systemCode !== 'EPERM') {
    return new PackferryError(code, `${path}: ${messageOf(cause)}`, { cause });
  }
  const hint = 'Give your account the right to read it, or run as one that has it.';
  return new PackferryError(code, `${path}: no permission to read it`, { hint, cause });
}

/** Decodes UTF-8 strictly: a text that we would read differently from others is an error that names `path`. */
export function decodeText(bytes: Uint8Array, path: string, code: ErrorCode): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PackferryError(code, `${path}: no UTF-8 text`, { hint: 'Save the file as UTF-8.', cause });
  }
}
