import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { asPackferryError, PackferryError, systemCodeOf } from '../core/errors.ts';
import { whyUnwritable } from '../core/unwritable.ts';

const leftoverPattern = /^\.packferry-[0-9a-f]{16}\.part$/;

/** Is this the temporary file of a run that was cut off? Such files are never read. */
export function isLeftover(name: string): boolean {
  return leftoverPattern.test(name);
}

/**
 * Writes a file that appears under its name only when it is complete and synced. `content` may throw, which leaves
 * nothing behind. Faults of the disk are `E_TARGET_UNWRITABLE` or `E_DISK_FULL`; those of `content` come through.
 */
export async function writeWhole(
  file: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const part = path.join(path.dirname(file), `.packferry-${randomBytes(8).toString('hex')}.part`);
  const handle = await onDisk(file, () => open(part, 'wx', 0o644));
  try {
    await fill(handle, file, content);
    await onDisk(file, () => rename(part, file));
  } catch (fault) {
    await rm(part, { force: true });
    throw fault;
  }
}

async function fill(
  handle: FileHandle,
  file: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  try {
    // writeFile of a handle goes on where the last one ended.
    for await (const chunk of content) await onDisk(file, () => handle.writeFile(chunk));
    await onDisk(file, () => handle.sync());
  } finally {
    await handle.close();
  }
}

/** Removes what runs that were cut off have left in a folder. No other run may be writing there. */
export async function removeLeftovers(dir: string): Promise<void> {
  await onDisk(dir, async () => {
    for (const name of (await readdir(dir)).filter(isLeftover)) await rm(path.join(dir, name));
  });
}

/** Makes renames in a folder durable. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await onDisk(dir, () => open(dir, 'r'));
  try {
    // Some file systems cannot sync folders; there is nothing more to be done then.
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}

/** Does something to the disk, and names the file when that fails. */
export async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (fault instanceof PackferryError) throw fault;
    const code = systemCodeOf(fault);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      const full = asPackferryError(fault);
      throw full.with(`${file}: ${full.message}`);
    }
    throw new PackferryError('E_TARGET_UNWRITABLE', `${file} cannot be written: ${whyUnwritable(fault)}`, {
      hint: 'Name a folder on a writable disk that belongs to you; for the cache, in the variable XDG_CACHE_HOME.',
      cause: fault,
    });
  }
}
