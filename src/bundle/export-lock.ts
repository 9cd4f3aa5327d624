import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import { withLockFile, type Owner } from './lock-file.ts';
import { bundleFiles } from './names.ts';
import { outputNames, refuseForeign } from './take-up.ts';

/**
 * Runs with a folder that nobody else exports into. The lock of a process that is gone is taken over; that of a running
 * one, or of another machine, is an error (`E_OUTPUT_EXISTS`). A folder that is not ours gets no lock file.
 */
export async function withExportLock<T>(dir: string, owner: Owner, use: () => Promise<T>): Promise<T> {
  refuseForeign(dir, await outputNames(dir));
  const file = path.join(dir, bundleFiles.lock);
  const taken = (holder: string): PackferryError =>
    new PackferryError('E_OUTPUT_EXISTS', `${dir}: another export into this folder is running${holder}`, {
      hint: `Wait for it, or give another folder. If none is running, remove ${file}.`,
    });
  return withLockFile(file, owner, taken, use);
}
