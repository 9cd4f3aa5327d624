import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { PackferryError } from '../core/errors.ts';
import { systemCodeOf } from '../core/errors.ts';

/** Who writes: told by the caller, since nothing below the command line looks at processes. */
export interface Owner {
  readonly pid: number;
  /** Does this process run, on this machine? */
  readonly isRunning: (pid: number) => boolean;
}

/** How long a lock may be there without its holder in it, in milliseconds: who made it may have died between the two. */
const patience = 10_000;

/**
 * Runs while a lock file says so. The lock of a process that is gone is taken over; for that of a running one, or of
 * another machine, throws what `taken` makes of its holder.
 */
export async function withLockFile<T>(
  file: string,
  owner: Owner,
  taken: (holder: string) => PackferryError,
  use: () => Promise<T>,
): Promise<T> {
  const text = `${owner.pid} ${hostname()}\n`;
  if (!(await create(file, text))) {
    const holder = await readFile(file, 'utf8').catch(() => '');
    const [pid = '', host = ''] = holder.trim().split(' ');
    const isLeft =
      holder === ''
        ? await isOld(file)
        : host === hostname() && /^[0-9]{1,10}$/.test(pid) && !owner.isRunning(Number(pid));
    if (!isLeft) throw taken(pid === '' || host === '' ? '' : ` (process ${pid} on ${host})`);
    await rm(file, { force: true });
    if (!(await create(file, text))) throw taken('');
  }
  try {
    return await use();
  } finally {
    await rm(file, { force: true });
  }
}

async function isOld(file: string): Promise<boolean> {
  const made = await stat(file).catch(() => undefined);
  return made === undefined || Date.now() - made.mtimeMs > patience;
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
