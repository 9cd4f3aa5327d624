import { dirname } from 'node:path';
import { systemCodeOf } from './errors.ts';

/** Makes one folder. */
type MakeOne = (folder: string) => Promise<unknown>;

/**
 * Makes a folder and those above it that are missing. Resolves to whether this one was made; false when it was there. Faults
 * are those of `mkdir`, also of a file by this name.
 *
 * Node's own recursive mkdir tries for ever where a file system answers "no such file" to every new name, as /proc does.
 */
export async function makeFolder(dir: string, mkdir: MakeOne): Promise<boolean> {
  const first = await tryToMake(dir, mkdir);
  if (first !== undefined) return first;
  const above = dirname(dir);
  if (above !== dir) await makeFolder(above, mkdir);
  const second = await tryToMake(dir, mkdir);
  if (second !== undefined) return second;
  throw Object.assign(new Error(`no folder can be made in ${above}`), { code: 'ENOENT' });
}

/** Was it made, or was it there? Undefined when the folder above is missing. */
async function tryToMake(dir: string, mkdir: MakeOne): Promise<boolean | undefined> {
  try {
    await mkdir(dir);
    return true;
  } catch (fault) {
    const code = systemCodeOf(fault);
    if (code === 'ENOENT') return undefined;
    if (code !== 'EEXIST') throw fault;
    // What is there may be no folder: of one, this name is taken as well.
    if (!dir.endsWith('/.')) await tryToMake(`${dir}/.`, mkdir);
    return false;
  }
}
