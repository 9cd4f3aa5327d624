import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../archive/atomic-file.ts';
import { isThere, writeFileWhole } from '../../bundle/files.ts';
import { readTrustFile, trustFileNames, type TrustFile } from './files.ts';

/** All files of trust of one version. */
export type Generation = Readonly<Record<TrustFile, Uint8Array>>;

/**
 * The folder, beside the files of trust, of a version that counts already but is not yet in place. It appears by one
 * rename, and that is the moment at which the version changes: readers take the files in it before those beside it.
 */
const pendingName = 'trust-update.pending';
const unfinishedName = 'trust-update.part';

/** Where a file of settings lies while an update of the files of trust is unfinished. */
export function pendingPlace(file: string): string {
  return path.join(path.dirname(file), pendingName, path.basename(file));
}

/** The folder whose files count now: that of an update which was cut off, else the folder itself. */
export async function currentFolder(folder: string): Promise<string> {
  const pending = path.join(folder, pendingName);
  return (await isThere(pending)) ? pending : folder;
}

/**
 * Replaces all files of trust in a folder at once. Whenever this is cut off, readers see the old version whole or the new
 * one whole, and `finishGeneration` does the rest. Nobody else may be writing.
 */
export async function writeGeneration(folder: string, generation: Generation): Promise<void> {
  const [part, pending] = [path.join(folder, unfinishedName), path.join(folder, pendingName)];
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { mode: 0o755 });
  for (const name of trustFileNames) {
    await writeFileWhole(path.join(part, name), generation[name], 0o644, { isExact: true });
  }
  await syncFolder(part);
  await rename(part, pending);
  await syncFolder(folder);
  await finishGeneration(folder);
}

/** Puts the files of an update in place that was cut off; removes what one left that never came to count. */
export async function finishGeneration(folder: string): Promise<boolean> {
  const [part, pending] = [path.join(folder, unfinishedName), path.join(folder, pendingName)];
  await rm(part, { recursive: true, force: true });
  if (!(await isThere(pending))) return false;
  for (const name of trustFileNames) {
    const bytes = await readTrustFile(pending, name);
    if (bytes !== undefined) {
      await writeFileWhole(path.join(folder, name), bytes, 0o644, { isExact: true });
    }
  }
  await syncFolder(folder);
  // All at once, for a half of it would count.
  await rename(pending, part);
  await syncFolder(folder);
  await rm(part, { recursive: true, force: true });
  return true;
}
