import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Owner } from '../bundle/lock-file.ts';
import { thisProcess } from './this-process.ts';
import { bundleFiles } from '../bundle/names.ts';
import { PackferryError } from '../core/errors.ts';
import { thisMachine, type Machine } from './machine.ts';

/** An output of the program: a terminal, a file or a pipe. */
export interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly rows?: number;
  readonly columns?: number;
}

export interface Input extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/** Everything that a command gets from the world around it. Nothing below `cli` reads any of this by itself. */
export interface Context {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** The user, by number; undefined where users have none. */
  readonly uid: number | undefined;
  readonly tool: { readonly name: string; readonly version: string };
  /** Where the self-contained importer is, once it has been made. */
  readonly importerFile: string;
  readonly machine: Machine;
  /** The one reading of the clock. */
  readonly now: Date;
  /** This process, for locks. */
  readonly owner: Owner;
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly signal: AbortSignal;
}

/** What the program knows of itself. */
export type Identity = Pick<Context, 'tool' | 'importerFile'> & Pick<Machine, 'program'>;

/** The context of this process; `identity` where there are no files to read it from. */
export function processContext(signal: AbortSignal, identity = installed()): Context {
  const { program, ...known } = identity;
  const { stdin, stdout, stderr, env } = process;
  return {
    stdin,
    stdout,
    stderr,
    env,
    home: homeOf(),
    uid: process.getuid?.(),
    ...known,
    machine: thisMachine(program),
    now: new Date(),
    owner: thisProcess,
    signal,
  };
}

/** The folder of users who have none: nothing is found below a device, and nothing is made there, not even by root. */
export const noHome = '/dev/null';

/** A user whom the machine does not know has no home, as those of containers; system accounts name one that is not there. */
function homeOf(): string {
  try {
    const home = homedir();
    return home === '' || home === '/nonexistent' ? noHome : home;
  } catch {
    return noHome;
  }
}

/** Name and version, from package.json: three folders up from the compiled file. */
function installed(): Identity {
  const root = new URL('../../../', import.meta.url);
  const text = readFileSync(new URL('package.json', root), 'utf8');
  const { name, version } = JSON.parse(text) as { name: string; version: string };
  const importerFile = fileURLToPath(new URL(`dist/importer/${bundleFiles.importer}`, root));
  // This file lies in a folder of it, also where the program has been put into few files.
  const program = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  return { tool: { name, version }, importerFile, program };
}

/** Where packferry keeps what it can get again. XDG base directories: a path that is not absolute does not count. */
export function cacheFolderOf({ env, home }: Pick<Context, 'env' | 'home'>): string {
  const named = env['XDG_CACHE_HOME'] ?? '';
  return path.join(path.isAbsolute(named) ? named : path.join(home, '.cache'), 'packferry');
}

/** Where documents of images are kept from run to run; undefined for users without a home, who keep nothing. */
export function documentFolderOf(context: Pick<Context, 'env' | 'home'>): string | undefined {
  const folder = cacheFolderOf(context);
  return folder.startsWith(`${noHome}${path.sep}`) ? undefined : path.join(folder, 'documents');
}

/**
 * The time that goes into files: SOURCE_DATE_EPOCH (reproducible-builds.org), in seconds, else the clock. Never decides
 * on what has expired. Throws `E_USAGE` when the variable holds no time.
 */
export function timeToWrite({ env, now }: Pick<Context, 'env' | 'now'>): Date {
  const seconds = env['SOURCE_DATE_EPOCH'] ?? '';
  if (seconds === '') return now;
  if (/^[0-9]{1,11}$/.test(seconds)) return new Date(Number(seconds) * 1000);
  throw new PackferryError('E_USAGE', `SOURCE_DATE_EPOCH is no time: ${JSON.stringify(seconds)}`, {
    hint: 'Set it to a number of seconds since 1970, or unset it.',
  });
}
