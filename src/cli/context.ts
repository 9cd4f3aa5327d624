import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';

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
  readonly tool: { readonly name: string; readonly version: string };
  readonly now: Date;
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly signal: AbortSignal;
}

/** The context of this process. */
export function processContext(signal: AbortSignal): Context {
  const { stdin, stdout, stderr, env } = process;
  return { stdin, stdout, stderr, env, home: homedir(), tool: toolOf(), now: clock(env), signal };
}

/** Name and version, from package.json: three folders up from the compiled file. */
function toolOf(): Context['tool'] {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { name, version } = JSON.parse(text) as { name: string; version: string };
  return { name, version };
}

/** The one reading of the clock. SOURCE_DATE_EPOCH (reproducible-builds.org) sets it, in seconds. */
function clock(env: Context['env']): Date {
  const seconds = env['SOURCE_DATE_EPOCH'];
  return seconds !== undefined && /^[0-9]{1,11}$/.test(seconds)
    ? new Date(Number(seconds) * 1000)
    : new Date();
}
