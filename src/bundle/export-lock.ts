import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import { outputNames, refuseForeign } from './take-up.ts';
import { bundleFiles } from './names.ts';

/** Who writes: told by the caller, since nothing below the command line looks at processes. */
export interface Owner {
  readonly pid: number;
  /** Does this process run, on this machine? */
  readonly isRunning: (pid: number) => boolean;
}

/**
 * Runs with a folder that nobody else exports into. The lock of a process that is gone is taken over; that of a running
 * one, or of another machine, is an error (`E_OUTPUT_EXISTS`). A folder that is not ours gets no lock file.
 */
export async function withExportLock<T>(dir: string, owner: Owner, use: () => Promise<T>): Promise<T> {
  refuseForeign(dir, await outputNames(dir));
  const file = path.join(dir, bundleFiles.lock);
  const text = `${owner.pid} ${hostname()}\n`;
  if (!(await create(file, text))) {
    const holder = await readFile(file, 'utf8').catch(() => '');
    const [pid = '', host = ''] = holder.trim().split(' ');
    if (host !== hostname() || !/^[0-9]{1,10}$/.test(pid) || owner.isRunning(Number(pid))) {
      throw running(dir, pid, host);
    }
    await rm(file, { force: true });
    if (!(await create(file, text))) throw running(dir, '', '');
  }
  try {
    return await use();
  } finally {
    await rm(file, { force: true });
  }
}

async function create(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (fault) {
    if (systemCodeOf(fault) === 'EEXIST') return false;
    throw fault;
  }
}

function running(dir: string, pid: string, host: string): PackferryError {
  const who = pid === '' || host === '' ? '' : ` (process ${pid} on ${host})`;
  return new PackferryError('E_OUTPUT_EXISTS', `${dir}: another export into this folder is running${who}`, {
    hint: `Wait for it, or give another folder. If none is running, remove ${path.join(dir, bundleFiles.lock)}.`,
  });
}
