import { existsSync } from 'node:fs';
import path from 'node:path';

/** The folder of the project: the nearest one above the compiled tests that has a package.json. */
export const projectRoot = findRoot(import.meta.dirname);

function findRoot(folder: string): string {
  if (existsSync(path.join(folder, 'package.json'))) return folder;
  const parent = path.dirname(folder);
  if (parent === folder) throw new Error('no package.json above the tests');
  return findRoot(parent);
}
