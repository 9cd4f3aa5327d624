import { access, constants, mkdir, readdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { totalSize } from '../core/image.ts';
import { formatSize } from '../core/size.ts';
import type { PlannedVolume } from './document.ts';
import { readJournal, type JournalState } from './journal.ts';
import { bundleFiles, isLitter, packFolder } from './names.ts';

/** Finds out what the folder holds: nothing, the same export unfinished, or something that must not be touched. */
export async function takeUp(dir: string, plan: Digest): Promise<JournalState | undefined> {
  const names = await namesIn(dir);
  const state = await readJournal(dir);
  if (state?.plan === plan) return state;
  if (!names.includes(bundleFiles.journal)) {
    if (names.every(isLitter)) return undefined;
    const isBundle = names.includes(bundleFiles.signature);
    throw new PackferryError(
      'E_OUTPUT_EXISTS',
      `${dir} ${isBundle ? 'holds another bundle' : 'is not empty'}`,
      {
        hint: 'Give a folder that does not exist yet: nothing is overwritten.',
      },
    );
  }
  // An unfinished export of other content: only the files that it made itself go.
  for (const name of names.filter(isOwnFile))
    await rm(path.join(dir, name), { recursive: true, force: true });
  return undefined;
}

/** The names in the output folder, which is made when it is missing. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    await mkdir(dir, { recursive: true });
    await access(dir, constants.W_OK | constants.X_OK);
    return await readdir(dir);
  } catch (cause) {
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${dir} cannot be made or written: ${messageOf(cause)}`, {
      hint: 'Give a folder that you may write to.',
      cause,
    });
  }
}

function isOwnFile(name: string): boolean {
  const final = name.endsWith('.part') ? name.slice(0, -'.part'.length) : name;
  return (
    Object.values<string>(bundleFiles).includes(final) ||
    /^images-[0-9]{3}\.tar$/.test(final) ||
    name === packFolder
  );
}

/** Refuses before the first byte when the disk cannot hold the bundle. */
export async function checkSpace(
  dir: string,
  volumes: readonly PlannedVolume[],
  earlier: JournalState | undefined,
): Promise<void> {
  const written = [...(earlier?.progress.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
  const need = totalSize(volumes.map(({ plan: { size } }) => ({ size }))) - written;
  const { bavail, bsize } = await statfs(dir);
  if (need > bavail * bsize) {
    const message = `${dir}: the bundle needs ${formatSize(need)}, the disk has ${formatSize(bavail * bsize)} free`;
    throw new PackferryError('E_DISK_FULL', message, { hint: 'Free some space, or write to another disk.' });
  }
}
