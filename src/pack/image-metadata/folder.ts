import { createHash } from 'node:crypto';
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
  const hash = createHash('sha256');
  const files: string[] = [];
  const walk = async (inside: string, level: number): Promise<void> => {
    signal.throwIfAborted();
    const folder = path.join(root, inside);
    try {
      const { mtimeNs } = await stat(folder, { bigint: true });
      const entries = await readdir(folder, { withFileTypes: true });
      entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      const found = entries.filter((entry) => entry.isFile() && isMetadataName(entry.name));
      hash.update(JSON.stringify([inside, String(mtimeNs), found.map(({ name }) => name)]));
      for (const { name } of found) files.push(path.join(inside, name));
      if (files.length > limits.imageMetadataFiles) throw tooMany(root);
      if (level === depth) return;
      for (const entry of entries) {
        if (entry.isDirectory() && !entry.name.startsWith('.'))
          await walk(path.join(inside, entry.name), level + 1);
      }
    } catch (fault) {
      signal.throwIfAborted();
      throw fault instanceof PackferryError ? fault : unreadable(folder, 'E_IO', fault);
    }
  };
  await walk('', 0);
  return { files, fingerprint: hash.digest('hex') };
}

function isMetadataName(name: string): boolean {
  return name.endsWith('.md') && name !== 'README.md';
}

function tooMany(root: string): PackferryError {
  return new PackferryError('E_LIMIT_EXCEEDED', `${root}: more than ${limits.imageMetadataFiles} md files`);
}
