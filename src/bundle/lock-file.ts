import { rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PackferryError, systemCodeOf } from '../core/errors.ts';
import { readSmallFile } from '../trust/read-file.ts';

/** Who holds a lock: told by the caller, since nothing below the command line looks at processes. */
export interface Owner {
  readonly pid: number;
  /** When it started, in whatever the machine counts; absent where that is not known. Numbers of processes are used again. */
  readonly startedAt?: string;
  /** Does this process run, on this machine? One that started at another time is not the one that is meant. */
  readonly isRunning: (pid: number, startedAt: string | undefined) => boolean;
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

/** A number, the name of a host and a time, in bytes. */
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
    // What was left by somebody who died while he took the lock over: nobody else takes ours.
    for (const left of [takingOf(file), takingOf(takingOf(file))]) await rm(left, { force: true });
    return await use();
  } finally {
    await rm(file, { force: true });
  }
}

/** The lock of whoever takes a lock over. */
function takingOf(file: string): string {
  return `${file}.taking`;
}

/** Locks upon locks: whoever takes one over may die while he does. */
const mostNested = 2;

/** Who holds it, in words; undefined when it is ours now. */
async function takeLock(file: string, owner: Owner, nested = 0): Promise<string | undefined> {
  const started = owner.startedAt === undefined ? '' : ` ${owner.startedAt}`;
  const text = `${owner.pid} ${hostname()}${started}\n`;
  if (await create(file, text)) return undefined;
  const holder = await holderIn(file);
  const [pid = '', host = '', startedAt] = holder.trim().split(' ');
  const who = pid === '' || host === '' ? '' : ` (process ${pid} on ${host})`;
  // Who made an empty one may have died before the name was in it.
  const isLeft =
    holder === ''
      ? await isOld(file)
      : host === hostname() && /^[0-9]{1,10}$/.test(pid) && !owner.isRunning(Number(pid), startedAt);
  if (!isLeft) return who;
  // Of several who find the same dead holder only one may remove its lock, and none a new one.
  const taking = takingOf(file);
  if (nested === mostNested || (await takeLock(taking, owner, nested + 1)) !== undefined) return who;
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
