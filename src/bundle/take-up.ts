import { access, constants, lstat, mkdir, readdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { formatSize } from '../core/size.ts';
import type { BundleImporter } from '../schema/bundle.ts';
import type { PlannedVolume } from './document.ts';
import { readJournal, type JournalState } from './journal.ts';
import { bundleFiles, isLitter, packFolder, partName } from './names.ts';

/**
 * Finds out what the folder holds: nothing, the same export unfinished, or something that must not be touched. What an
 * unfinished export of other content left makes way, and that is said.
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
    const bytes = [...(state?.progress.values() ?? [])].reduce((sum, size) => sum + size, 0);
    const message = `${dir}: the content has changed since the export that did not finish; its ${formatSize(bytes)} are dropped`;
    emit({ type: 'note', level: 'warning', message });
    // The journal goes last: without it nobody would know whose the other files are.
    const own = names.filter((name) => isOwnFile(name) && name !== bundleFiles.journal);
    for (const name of [...own, bundleFiles.journal]) {
      await rm(path.join(dir, name), { recursive: true, force: true });
    }
  }
  return undefined;
}

const hint = 'Give a folder that does not exist yet: nothing is overwritten.';

/** Refuses a folder in which there is something, but neither a bundle nor an export. */
export function refuseForeign(dir: string, names: readonly string[]): void {
  const marks: readonly string[] = [bundleFiles.journal, bundleFiles.signature, bundleFiles.lock];
  if (names.every(isLitter) || names.some((name) => marks.includes(name))) return;
  throw new PackferryError('E_OUTPUT_EXISTS', `${dir} is not empty`, { hint });
}

/** The names in the output folder, which is made when it is missing. */
export async function outputNames(dir: string): Promise<string[]> {
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
    (Object.values<string>(bundleFiles).includes(final) && final !== bundleFiles.lock) ||
    /^images-[0-9]{3}\.tar$/.test(final) ||
    name === packFolder
  );
}

/** Refuses before the first byte when the disk cannot hold the bundle. */
export async function checkSpace(
  dir: string,
  volumes: readonly PlannedVolume[],
  importer?: BundleImporter,
): Promise<void> {
  let need = 0;
  const files = [
    ...volumes.map(({ file, plan }) => ({ file, size: plan.size })),
    ...(importer === undefined ? [] : [importer]),
  ];
  for (const { file, size } of files) {
    // What an earlier run took counts as it lies on the disk: some file systems allocate a file when it is made.
    const kept = await Promise.all([file, partName(file)].map((name) => allocated(path.join(dir, name))));
    need += Math.max(0, size - Math.max(...kept));
  }
  const { bavail, bsize } = await statfs(dir);
  if (need > bavail * bsize) {
    const message = `${dir}: the bundle needs ${formatSize(need)}, the disk has ${formatSize(bavail * bsize)} free`;
    throw new PackferryError('E_DISK_FULL', message, { hint: 'Free some space, or write to another disk.' });
  }
}

/** Bytes that a file takes on the disk; 0 when there is none. */
async function allocated(file: string): Promise<number> {
  const stats = await lstat(file).catch(() => undefined);
  return (stats?.blocks ?? 0) * 512;
}
