import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { nearestName } from '../core/nearest.ts';

/** The file or folder beside a missing one that was probably meant; undefined when nothing is near. */
export async function nearestSibling(missing: string): Promise<string | undefined> {
  const folder = path.dirname(missing);
  // When the folder is missing as well there is nothing to propose.
  const names = await readdir(folder).catch(() => []);
  const near = nearestName(path.basename(missing), names);
  return near === undefined ? undefined : path.join(folder, near);
}
