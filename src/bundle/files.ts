import { lstat, open, rename, rm } from 'node:fs/promises';
import { asPackferryError, messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { partName } from './names.ts';

/**
 * Writes a file so that it appears under its name only when it is whole and synced. The `.part` file is always
 * made anew, so that nobody can lay a link in its place. The umask takes from `mode` unless `isExact`. Throws `E_OUTPUT_UNWRITABLE` or `E_DISK_FULL`;
 * errors of `content` come through.
 */
export async function writeFileWhole(
  file: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  mode: number,
  { isExact = false }: { readonly isExact?: boolean } = {},
): Promise<void> {
  const part = partName(file);
  try {
    await rm(part, { force: true });
    await fill(part, content, mode, isExact);
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined);
    if (cause instanceof PackferryError) throw cause;
    if (['ENOSPC', 'EDQUOT'].includes(systemCodeOf(cause) ?? '')) {
      throw asPackferryError(cause).with(`${file}: the disk is full`);
    }
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${file} cannot be written: ${messageOf(cause)}`, {
      hint: 'Name a file in a folder that exists and that you may write to.',
      cause,
    });
  }
}

async function fill(
  part: string,
  content: Parameters<typeof writeFileWhole>[1],
  mode: number,
  isExact: boolean,
): Promise<void> {
  const handle = await open(part, 'wx', mode);
  try {
    if (isExact) await handle.chmod(mode);
    const isWhole = typeof content === 'string' || content instanceof Uint8Array;
    // writeFile of a handle goes on where the last one ended.
    for await (const piece of isWhole ? [content] : content) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Is there something by this name? Anything but a certain no is an error. */
export async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (fault) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(fault) ?? '')) return false;
    throw fault;
  }
}
