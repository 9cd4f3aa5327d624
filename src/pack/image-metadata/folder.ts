import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { unreadable } from '../read-file.ts';

/** The md files of a folder of image metadata. */
export interface MetadataFolder {
  /** Below the folder, sorted. */
  readonly files: readonly string[];
  /** Changes when files come, go or are replaced; not when one is rewritten in place. */
  readonly fingerprint: string;
}

/** `<organisation>/<image>/<tag>.md`: folders below the given one that are looked into, in levels. */
const depth = 2;

/**
 * Lists the metadata files of a folder, which may be the vendor's repository, an organisation in it, or the folder of
 * one image. Reads no file: the fingerprint is made of the names and of the time at which each folder last changed.
 * Throws `E_IO` when it cannot be read, `E_LIMIT_EXCEEDED` for more than `limits.imageMetadataFiles` files.
 */
export async function listMetadata(root: string, signal: AbortSignal): Promise<MetadataFolder> {
  let count = 0;
  // Folders beside each other are read at the same time: one after the other, that would be a fifth of a search.
  const walk = async (inside: string, level: number): Promise<Listing> => {
    signal.throwIfAborted();
    const folder = path.join(root, inside);
    try {
      const { mtimeNs } = await stat(folder, { bigint: true });
      const entries = await readdir(folder, { withFileTypes: true });
      const names = entries.filter((entry) => entry.isFile() && isMetadataName(entry.name)).map(nameOf);
      count += names.length;
      if (count > limits.imageMetadataFiles) throw tooMany(root);
      const folders = entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
        .map(nameOf);
      const below =
        level === depth ? [] : folders.sort().map((name) => walk(path.join(inside, name), level + 1));
      return { inside, changed: String(mtimeNs), names: names.sort(), below: await Promise.all(below) };
    } catch (fault) {
      signal.throwIfAborted();
      throw fault instanceof PackferryError ? fault : unreadable(folder, 'E_IO', fault);
    }
  };
  const listing = await walk('', 0);
  const hash = createHash('sha256').update(JSON.stringify(listing));
  return { files: filesOf(listing), fingerprint: hash.digest('hex') };
}

/** A folder, and those in it. */
interface Listing {
  readonly inside: string;
  /** In nanoseconds. */
  readonly changed: string;
  readonly names: readonly string[];
  readonly below: readonly Listing[];
}

function filesOf({ inside, names, below }: Listing): string[] {
  return [...names.map((name) => path.join(inside, name)), ...below.flatMap(filesOf)];
}

function nameOf({ name }: Dirent): string {
  return name;
}

function isMetadataName(name: string): boolean {
  return name.endsWith('.md') && name !== 'README.md';
}

function tooMany(root: string): PackferryError {
  return new PackferryError('E_LIMIT_EXCEEDED', `${root}: more than ${limits.imageMetadataFiles} md files`);
}
