import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';

/** All that lies below a folder: kind and content, by path. */
export async function stateOf(folder: string): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const file = path.join(folder, name);
    const stats = await lstat(file);
    if (stats.isSymbolicLink()) state[name] = `link to ${await readlink(file)}`;
    else if (stats.isFile()) state[name] = `${stats.nlink} ${(await readFile(file)).toString('base64')}`;
    else state[name] = stats.isDirectory() ? 'folder' : 'something else';
  }
  return state;
}
