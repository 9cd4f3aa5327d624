import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { formatSize } from '../core/size.ts';
import { makeFolder } from '../core/make-folder.ts';
import { checkFolderPlace, unwritableFolder } from './file-place.ts';
import { readJournal, type JournalState } from './journal.ts';
import { bundleFiles, isLitter, partName, unfinishedFolder } from './names.ts';
import { setAside } from './set-aside.ts';
import { frontOf } from './stretches.ts';

/**
 * Finds out what the folder holds: nothing, the same export unfinished, or something that must not be touched. What an
 * unfinished export of other content left is set aside, for this one to take from it.
 */
export async function takeUp(dir: string, plan: Digest, emit: Emit): Promise<JournalState | undefined> {
  const names = await outputNames(dir);
  const state = await readJournal(dir);
  if (state?.plan === plan) return state;
  refuseForeign(dir, names);
  if (names.includes(bundleFiles.signature) && !names.includes(bundleFiles.journal)) {
    throw new PackferryError('E_OUTPUT_EXISTS', `${dir} holds another bundle`, { hint });
  }
  if (names.includes(bundleFiles.journal)) {
    const fronts = [...(state?.stretches.values() ?? [])].map(frontOf);
    const bytes = fronts.reduce((sum, size) => sum + size, 0);
    const message = `${dir}: the content has changed since the export that did not finish; what it fetched (${formatSize(bytes)}) is used as far as it is still needed`;
    if (bytes > 0) emit({ type: 'note', level: 'info', message });
    await setAside(dir, names);
  }
  return undefined;
}

const hint = 'Give a folder that does not exist yet: nothing is overwritten.';

/** Refuses a folder in which there is something, but neither a bundle nor an export. */
export function refuseForeign(dir: string, names: readonly string[]): void {
  const { journal, signature, lock } = bundleFiles;
  const marks: readonly string[] = [journal, partName(journal), signature, lock, unfinishedFolder];
  if (names.every(isLitter) || names.some((name) => marks.includes(name))) return;
  throw new PackferryError('E_OUTPUT_EXISTS', `${dir} is not empty`, { hint });
}

/** The names in the output folder, which is made when it is missing. */
export async function outputNames(dir: string): Promise<string[]> {
  await checkFolderPlace(dir);
  try {
    await makeFolder(dir, mkdir);
    return await readdir(dir);
  } catch (cause) {
    throw unwritableFolder(dir, cause);
  }
}

/**
 * Throws when a folder would not do for a bundle, without making it: `E_OUTPUT_EXISTS` when it belongs to somebody else,
 * `E_OUTPUT_UNWRITABLE`, `E_USAGE` for `-`.
 */
export async function refuseUnfit(dir: string): Promise<void> {
  if (dir === '-') {
    throw new PackferryError('E_USAGE', 'a bundle is a folder, and cannot go to standard output', {
      hint: 'Name the folder that is to become the bundle. One that is called "-" is "./-".',
    });
  }
  await checkFolderPlace(dir);
  const names = await readdir(dir).catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'ENOENT') return [];
    throw unwritableFolder(dir, cause);
  });
  refuseForeign(dir, names);
  await refuseInside(dir);
}

/** A folder in a bundle is one file too many there: nobody would accept that bundle any more. */
async function refuseInside(dir: string): Promise<void> {
  const above = path.dirname(path.resolve(dir));
  const names = await readdir(above).catch((): string[] => []);
  if (!names.includes(bundleFiles.signature) && !names.includes(bundleFiles.journal)) return;
  throw new PackferryError('E_OUTPUT_EXISTS', `${dir} would lie inside the bundle ${above}`, {
    hint: 'Give a folder beside that bundle.',
  });
}
