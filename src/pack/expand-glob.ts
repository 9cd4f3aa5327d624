import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { systemCodeOf } from '../core/errors.ts';
import { isGlob, matchesPart } from '../core/glob.ts';
import { isArchiveName, isYamlName } from './tree.ts';
import { unreadable } from './read-file.ts';

/**
 * The folders and files that an absolute pattern stands for (see `matchesGlob`), sorted; a path that exists under its
 * very name stands for itself. Hidden entries must be asked for with a dot, `**` does not go through symbolic links, and
 * of the files only those count that may be content: yml files and archives. Empty when there is none.
 * Throws `E_PACK_INVALID` for a folder that cannot be read.
 */
export async function expandGlob(pattern: string): Promise<string[]> {
  if (!isGlob(pattern) || (await exists(pattern))) return [pattern];
  const { root } = path.parse(pattern);
  const parts = pattern
    .slice(root.length)
    .split(path.sep)
    .filter((part) => part !== '');
  const found = await expand(root, parts);
  return [...new Set(found)].sort();
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

async function expand(folder: string, parts: readonly string[]): Promise<string[]> {
  const [part, ...rest] = parts;
  if (part === undefined) return [folder];
  if (part === '**') return expandDeep(folder, rest);
  if (!isGlob(part)) {
    const inner = path.join(folder, part);
    return rest.some(isGlob) || (await exists(inner)) ? expand(inner, rest) : [];
  }
  const isLast = rest.length === 0;
  const entries = await list(folder);
  const fitting = entries.filter((entry) => isVisible(entry, part) && matchesPart(part, entry.name));
  const wanted = fitting.filter((entry) => !isLast || mayBeContent(entry));
  const found = await Promise.all(wanted.map((entry) => expand(path.join(folder, entry.name), rest)));
  return found.flat();
}

/** `**`: what the rest finds here and in every folder below; at the end, the folders themselves. */
async function expandDeep(folder: string, rest: readonly string[]): Promise<string[]> {
  const here = rest.length === 0 ? [folder] : await expand(folder, rest);
  const folders = (await list(folder)).filter((entry) => entry.isDirectory() && isVisible(entry, '**'));
  const below = await Promise.all(folders.map((entry) => expandDeep(path.join(folder, entry.name), rest)));
  return [...here, ...below.flat()];
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (fault) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(fault) ?? '')) return [];
    throw unreadable(folder, 'E_PACK_INVALID', fault);
  }
}

function isVisible({ name }: Dirent, part: string): boolean {
  return !name.startsWith('.') || part.startsWith('.');
}

function mayBeContent(entry: Dirent): boolean {
  return !entry.isFile() || isYamlName(entry.name) || isArchiveName(entry.name);
}
