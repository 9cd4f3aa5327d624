import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { systemCodeOf } from '../../core/errors.ts';
import { isLeftover } from '../atomic-file.ts';

const day = 24 * 3600 * 1000;

/** Blobs, and notes: other files are not ours. */
const ownName = /^[0-9a-f]{64}(?:-[a-z0-9._-]+)?(?:\.json)?$/;

/** What nobody has used for so long is removed, in milliseconds; unfinished files of dead runs sooner. */
const ages = { kept: 7 * day, unfinished: day } as const;

/**
 * Removes what nobody has used for a week from these folders: reading sets the times of files anew. Other runs may work
 * on the same folders; what vanishes meanwhile is no fault.
 */
export async function removeUnused(folders: readonly string[], now: number): Promise<void> {
  for (const folder of folders) {
    for (const name of await namesIn(folder)) {
      if (!ownName.test(name) && !isLeftover(name)) continue;
      const file = path.join(folder, name);
      const used = await lastUse(file);
      const age = isLeftover(name) ? ages.unfinished : ages.kept;
      if (used !== undefined && now - used > age) await rm(file, { force: true });
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (fault) {
    if (systemCodeOf(fault) === 'ENOENT') return [];
    throw fault;
  }
}

async function lastUse(file: string): Promise<number | undefined> {
  try {
    const stats = await lstat(file);
    return stats.isFile() ? stats.mtimeMs : undefined;
  } catch (fault) {
    if (systemCodeOf(fault) === 'ENOENT') return undefined;
    throw fault;
  }
}
