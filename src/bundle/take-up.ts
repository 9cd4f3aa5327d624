import { access, constants, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { formatSize } from '../core/size.ts';
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
  await checkWritable(dir, dir);
  try {
    await mkdir(dir, { recursive: true });
    return await readdir(dir);
  } catch (cause) {
    throw unwritable(dir, cause);
  }
}

/**
 * Throws when a folder would not do for a bundle, without making it: `E_OUTPUT_EXISTS` when it belongs to somebody else,
 * `E_OUTPUT_UNWRITABLE`.
 */
export async function refuseUnfit(dir: string): Promise<void> {
  await checkWritable(dir, dir);
  const names = await readdir(dir).catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'ENOENT') return [];
    throw unwritable(dir, cause);
  });
  refuseForeign(dir, names);
}

/** Of a folder that is missing, the nearest one above it that is there counts. */
async function checkWritable(folder: string, dir: string): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const above = path.dirname(path.resolve(folder));
    if (systemCodeOf(cause) !== 'ENOENT' || above === path.resolve(folder)) throw unwritable(dir, cause);
    await checkWritable(above, dir);
  }
}

function unwritable(dir: string, cause: unknown): PackferryError {
  return new PackferryError('E_OUTPUT_UNWRITABLE', `${dir} cannot be made or written: ${messageOf(cause)}`, {
    hint: 'Give a folder that you may write to.',
    cause,
  });
}
