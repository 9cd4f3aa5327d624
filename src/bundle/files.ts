import { open, rename, rm } from 'node:fs/promises';
import { asPackferryError, messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { partName } from './names.ts';

/**
 * Writes a small file so that it appears under its name only when it is whole and synced. The `.part` file is always
 * made anew, so that nobody can lay a link in its place. Throws `E_OUTPUT_UNWRITABLE` or `E_DISK_FULL`.
 */
export async function writeFileWhole(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const part = partName(file);
  try {
    await rm(part, { force: true });
    await fill(part, content, mode);
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined);
    if (['ENOSPC', 'EDQUOT'].includes(systemCodeOf(cause) ?? '')) {
      throw asPackferryError(cause).with(`${file}: the disk is full`);
    }
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${file} cannot be written: ${messageOf(cause)}`, {
      hint: 'Name a file in a folder that exists and that you may write to.',
      cause,
    });
  }
}

async function fill(part: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(part, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
