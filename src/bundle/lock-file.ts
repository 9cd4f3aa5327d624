import { rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PackferryError, systemCodeOf } from '../core/errors.ts';
import { readSmallFile } from '../trust/read-file.ts';

/** Who holds a lock: told by the caller, since nothing below the command line looks at processes. */
export interface Owner {
  readonly pid: number;
  /** Does this process run, on this machine? */
  readonly isRunning: (pid: number) => boolean;
}

export interface LockOptions {
  readonly owner: Owner;
  /** How long to wait for a running holder, in milliseconds. Default: not at all. */
  readonly patience?: number;
  /** The error for a lock that is held, by ` (process 12 on host)` where that is known. */
  readonly held: (who: string) => PackferryError;
}

/** How often a lock that is held is looked at, in milliseconds. */
const lookEvery = 50;

/** A number and the name of a host, in bytes. */
const mostInLock = 1024;

/** How long a lock may be there without its holder in it, in milliseconds. */
const emptyFor = 10_000;

/**
 * Runs with a lock file that nobody else has. The lock of a process that is gone is taken over; that of a running one, or
 * of another machine, is an error once patience is over.
 */
export async function withLockFile<T>(file: string, options: LockOptions, use: () => Promise<T>): Promise<T> {
  for (let waited = 0; ; waited += lookEvery) {
    const holder = await takeLock(file, options.owner);
    if (holder === undefined) break;
    if (waited >= (options.patience ?? 0)) throw options.held(holder);
    await sleep(lookEvery);
  }
  try {
    return await use();
  } finally {
    await rm(file, { force: true });
  }
}

/** Who holds it, in words; undefined when it is ours now. */
async function takeLock(file: string, owner: Owner): Promise<string | undefined> {
  const text = `${owner.pid} ${hostname()}\n`;
  if (await create(file, text)) return undefined;
  const holder = await holderIn(file);
  const [pid = '', host = ''] = holder.trim().split(' ');
  const who = pid === '' || host === '' ? '' : ` (process ${pid} on ${host})`;
  // Who made an empty one may have died before the name was in it.
  const isLeft =
    holder === ''
      ? await isOld(file)
      : host === hostname() && /^[0-9]{1,10}$/.test(pid) && !owner.isRunning(Number(pid));
  if (!isLeft) return who;
  // Of several who find the same dead holder only one may remove its lock, and none a new one.
  const taking = `${file}.taking`;
  if (!(await create(taking, text))) return who;
  try {
    if ((await holderIn(file)) === holder) await rm(file, { force: true });
    return (await create(file, text)) ? undefined : '';
  } finally {
    await rm(taking, { force: true });
  }
}

/** What stands in a lock; nothing where something else is in its place. */
async function holderIn(file: string): Promise<string> {
  const options = { maxBytes: mostInLock, code: 'E_STATE_UNUSABLE', hint: '' } as const;
  return readSmallFile(file, options).then(
    ({ bytes }) => bytes.toString('utf8'),
    () => '',
  );
}

async function isOld(file: string): Promise<boolean> {
  const made = await stat(file).catch(() => undefined);
  return made === undefined || Date.now() - made.mtimeMs > emptyFor;
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
