import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../archive/atomic-file.ts';
import { asPackferryError, messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { isThere } from './files.ts';
import { partName, signatureName } from './names.ts';

/** The numbers of signatures have three digits. */
const mostSignatures = 999;

/**
 * Lays one more signature into a finished bundle, under the next number that is free, and returns its name. It appears
 * whole and synced or not at all; nothing that is there is touched, also when two sign at the same time: whoever makes
 * the `.part` file first has its number. Throws `E_OUTPUT_UNWRITABLE` or `E_DISK_FULL`.
 */
export async function addSignature(dir: string, text: string): Promise<string> {
  for (let index = 0; index < mostSignatures; index += 1) {
    const name = signatureName(index);
    const file = path.join(dir, name);
    try {
      if ((await isThere(file)) || !(await writeNew(file, text))) continue;
    } catch (cause) {
      throw unwritable(file, cause);
    }
    await syncFolder(dir);
    return name;
  }
  throw new PackferryError('E_OUTPUT_UNWRITABLE', `${dir} has ${mostSignatures} signatures already`, {
    hint: 'More are not read. Export it anew, signed by those who count.',
  });
}

/** False when somebody else is at this name. */
async function writeNew(file: string, text: string): Promise<boolean> {
  const part = partName(file);
  const handle = await open(part, 'wx', 0o644).catch((fault: unknown) => {
    if (systemCodeOf(fault) === 'EEXIST') return undefined;
    throw fault;
  });
  if (handle === undefined) return false;
  try {
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Whoever had the part file before may have finished since we looked.
    if (await isThere(file)) {
      await rm(part);
      return false;
    }
    await rename(part, file);
    return true;
  } catch (fault) {
    await rm(part, { force: true }).catch(() => undefined);
    throw fault;
  }
}

function unwritable(file: string, cause: unknown): PackferryError {
  const error = asPackferryError(cause);
  if (error.code === 'E_DISK_FULL') return error.with(`${file}: the disk is full`);
  return new PackferryError('E_OUTPUT_UNWRITABLE', `${file} cannot be written: ${messageOf(cause)}`, {
    hint: 'Sign where the bundle may be written to: on the medium itself, or in a copy of the whole bundle.',
    cause,
  });
}
