import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../archive/atomic-file.ts';
import { systemCodeOf } from '../core/errors.ts';
import { makeFolder } from '../core/make-folder.ts';
import { bundleFiles, packFolder, unfinishedFolder } from './names.ts';

/**
 * Moves the archives of an unfinished export, and last its journal, into a numbered folder of their own; what is quickly
 * made again goes. `names` are those in the output folder. After a crash in between, the next run does the rest.
 */
export async function setAside(dir: string, names: readonly string[]): Promise<void> {
  const folder = path.join(dir, unfinishedFolder, await nextNumber(dir));
  await makeFolder(folder, mkdir);
  for (const name of names) {
    const archive = /^(images-[0-9]{3}\.tar)(\.part)?$/.exec(name)?.[1];
    if (archive !== undefined) await rename(path.join(dir, name), path.join(folder, archive));
    else if (isRemade(name)) await rm(path.join(dir, name), { recursive: true, force: true });
  }
  await rename(path.join(dir, bundleFiles.journal), path.join(folder, bundleFiles.journal));
  await syncFolder(folder);
  await syncFolder(dir);
}

/** Names of the folders with what earlier runs have left, oldest first. */
export async function asideNames(dir: string): Promise<string[]> {
  try {
    const names = await readdir(path.join(dir, unfinishedFolder));
    return names.filter((name) => /^[1-9][0-9]{0,5}$/.test(name)).sort((a, b) => Number(a) - Number(b));
  } catch (fault) {
    if (systemCodeOf(fault) === 'ENOENT') return [];
    throw fault;
  }
}

/** Forgets everything that earlier runs have left. */
export async function removeAside(dir: string): Promise<void> {
  await rm(path.join(dir, unfinishedFolder), { recursive: true, force: true });
}

/** A folder without a journal is one that a crash has left half moved: it is gone on with. */
async function nextNumber(dir: string): Promise<string> {
  const names = await asideNames(dir);
  const last = names.at(-1);
  if (last === undefined) return '1';
  const isWhole = (await readdir(path.join(dir, unfinishedFolder, last))).includes(bundleFiles.journal);
  return isWhole ? String(Number(last) + 1) : last;
}

function isRemade(name: string): boolean {
  const final = name.endsWith('.part') ? name.slice(0, -'.part'.length) : name;
  const { journal, lock, ...texts } = bundleFiles;
  if (final === journal || final === lock) return false;
  return Object.values<string>(texts).includes(final) || name === packFolder;
}
