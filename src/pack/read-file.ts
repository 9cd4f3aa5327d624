import { open, stat } from 'node:fs/promises';
import { messageOf, PackferryError, systemCodeOf, type ErrorCode } from '../core/errors.ts';
import { formatSize } from '../core/size.ts';

export interface ReadOptions {
  /** The code of every error that this throws, be the file missing, no regular file, unreadable or too large. */
  readonly code: ErrorCode;
  /** Upper limit in bytes. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reads a regular file whole, up to a limit. Errors name the path. */
export async function readFile(path: string, options: ReadOptions): Promise<Buffer> {
  try {
    // Asked before opening: opening a pipe would wait for its other end.
    const info = await stat(path);
    if (info.isDirectory()) throw new PackferryError(options.code, `${path}: a folder, not a file`);
    if (!info.isFile()) throw new PackferryError(options.code, `${path}: no regular file`);
    return await readWhole(path, options);
  } catch (fault) {
    options.signal?.throwIfAborted();
    if (fault instanceof PackferryError) throw fault;
    throw unreadable(path, options.code, fault);
  }
}

async function readWhole(path: string, options: ReadOptions): Promise<Buffer> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    if (size > options.maxBytes) {
      const over = `${formatSize(size)}, over the limit of ${formatSize(options.maxBytes)}`;
      throw new PackferryError(options.code, `${path}: ${over}`);
    }
    return await handle.readFile({ signal: options.signal });
  } finally {
    await handle.close();
  }
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
