import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, lstat, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { asPackferryError, messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { readFile } from './read-file.ts';

/**
 * Throws `E_PACK_INVALID` unless `file` is a regular file that can be written in place: no link, no part of an archive;
 * `E_OUTPUT_UNWRITABLE` when it is read-only.
 */
export async function checkWritable(file: string): Promise<Stats> {
  let info: Stats;
  try {
    info = await lstat(file);
  } catch (cause) {
    throw new PackferryError('E_PACK_INVALID', `${file}: no file of its own, so it cannot be rewritten`, {
      hint: 'Unpack the archive, update the folder, and pack it again.',
      cause,
    });
  }
  if (info.isSymbolicLink()) {
    throw new PackferryError('E_PACK_INVALID', `${file}: a symbolic link is not rewritten`, {
      hint: 'Name the file that it leads to.',
    });
  }
  if (!info.isFile()) throw new PackferryError('E_PACK_INVALID', `${file}: no regular file`);
  // A new file takes its place, for which the folder alone would have to be writable.
  // Nothing stops root, so the mode counts as well.
  if ((info.mode & 0o222) === 0 || !(await mayWrite(file))) {
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${file}: a read-only file is not rewritten`, {
      hint: 'Somebody has protected it. If it may be changed: chmod u+w, then run the same command again.',
    });
  }
  return info;
}

async function mayWrite(file: string): Promise<boolean> {
  try {
    await access(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Replaces the content of a file: at every moment it is either the old or the new one, whole. Its mode stays, and its
 * owner where the system lets us. Throws `E_PACK_INVALID` when the file no longer holds `before`, `E_OUTPUT_UNWRITABLE`
 * or `E_DISK_FULL` when it cannot be written.
 */
export async function replaceContent(
  file: string,
  before: Uint8Array,
  after: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const info = await checkWritable(file);
  const part = path.join(path.dirname(file), `.packferry-${randomBytes(8).toString('hex')}.part`);
  try {
    await onDisk(file, () => writeBeside(part, after, info));
    const now = await readFile(file, { code: 'E_PACK_INVALID', maxBytes: limits.itemYaml, signal });
    if (!now.equals(before)) {
      throw new PackferryError(
        'E_PACK_INVALID',
        `${file}: changed while it was being rewritten; left as it is`,
        {
          hint: 'Run the same command again.',
        },
      );
    }
    signal?.throwIfAborted();
    await onDisk(file, () => rename(part, file));
  } catch (fault) {
    await rm(part, { force: true });
    throw fault;
  }
  await syncFolder(path.dirname(file));
}

async function writeBeside(part: string, content: Uint8Array, { mode, uid, gid }: Stats): Promise<void> {
  const handle = await open(part, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    const fresh = await handle.stat();
    // Only root may give files away; an ordinary user who may write here keeps the new file as his own.
    if (fresh.uid !== uid || fresh.gid !== gid) await handle.chown(uid, gid).catch(unlessForbidden);
    // After the owner: changing it takes away the bits for set-user-ID.
    await handle.chmod(mode & 0o7777);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessForbidden(fault: unknown): void {
  if (systemCodeOf(fault) !== 'EPERM') throw fault;
}

/** Makes the rename durable. Some file systems cannot sync folders; there is nothing more to be done then. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}

async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    const code = systemCodeOf(fault);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw asPackferryError(fault);
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${file} cannot be rewritten: ${messageOf(fault)}`, {
      hint: 'The folder must be writable for your account.',
      cause: fault,
    });
  }
}
