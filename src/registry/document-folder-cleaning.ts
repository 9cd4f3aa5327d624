import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

const day = 24 * 3600 * 1000;
/** What nobody has read for so long is removed, in milliseconds; unfinished files of dead runs sooner. */
const ages = { kept: 30 * day, unfinished: day } as const;
/** Bytes of all documents: some 25,000 images. */
export const maxDocumentBytes = 256 * 1024 * 1024;

const ownName = /^[0-9a-f]{64}$/;
const partName = /^\.[0-9a-f]{16}\.part$/;

interface KeptFile {
  readonly file: string;
  readonly size: number;
  readonly used: number;
}

/**
 * Removes from the folder of documents what was not used for 30 days, and the longest unused ones where all together
 * exceed `maxBytes`. Other runs may work there; what vanishes meanwhile is no fault, nor is what cannot be removed.
 */
export async function removeUnusedDocuments(
  dir: string,
  now: number,
  maxBytes: number = maxDocumentBytes,
): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  const files = (await Promise.all(names.map((name) => look(dir, name)))).filter((one) => one !== undefined);
  let bytes = 0;
  for (const { file, size, used } of files.sort((a, b) => b.used - a.used)) {
    const age = now - used;
    const isKept = partName.test(path.basename(file))
      ? age <= ages.unfinished
      : age <= ages.kept && bytes + size <= maxBytes;
    if (isKept) bytes += size;
    else await rm(file, { force: true }).catch(() => undefined);
  }
}

/** Files that are not ours are left alone. */
async function look(dir: string, name: string): Promise<KeptFile | undefined> {
  if (!ownName.test(name) && !partName.test(name)) return undefined;
  const file = path.join(dir, name);
  const stats = await lstat(file).catch(() => undefined);
  return stats?.isFile() === true ? { file, size: stats.size, used: stats.mtimeMs } : undefined;
}
