import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { PackferryError } from '../core/errors.ts';
import type { Place } from './layout.ts';
import { readFile, unreadable } from './read-file.ts';
import type { TreeEntry, TreeFile, TreeFolder } from './tree.ts';

/** A folder of the file system. What cannot be listed is reported and counts as empty. */
export function folderAt(place: Place, report: (mistake: PackferryError) => void): TreeFolder {
  const entries = async (): Promise<TreeEntry[]> => {
    try {
      const found = await readdir(place.path, { withFileTypes: true });
      return found
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((entry): TreeEntry => {
          const { name } = entry;
          const inner = { path: path.join(place.path, name), identity: path.join(place.identity, name) };
          if (entry.isDirectory()) return folderAt(inner, report);
          if (entry.isFile()) return fileAt(inner);
          return { ...inner, name, kind: entry.isSymbolicLink() ? 'link' : 'other' };
        });
    } catch (fault) {
      report(unreadable(place.path, 'E_PACK_INVALID', fault));
      return [];
    }
  };
  return { ...place, kind: 'folder', name: path.basename(place.path), entries };
}

/** A file of the file system. */
export function fileAt(place: Place): TreeFile {
  return {
    ...{ ...place, kind: 'file', name: path.basename(place.path) },
    take: (maxBytes) => (signal) => readFile(place.path, { code: 'E_PACK_INVALID', maxBytes, signal }),
  };
}
