import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { readJournal } from '../../src/bundle/journal.ts';
import { lengthOf } from '../../src/bundle/stretches.ts';
import { launcher } from './cli.ts';

/** How an export ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** An export in a process of its own, to be killed. */
export interface ExportProcess {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ended>;
}

export interface ExportArguments {
  readonly pack: string;
  readonly out: string;
  readonly key: string;
  readonly jobs: number;
  /** The user's cache; that of the tests when absent. */
  readonly cache?: string;
}

/** Starts `packferry export`; the time of the bundle is fixed, so that two can be compared. */
export function startExport({ pack, out, key, jobs, cache }: ExportArguments): ExportProcess {
  const argv = [launcher, 'export', pack, '-o', out, '--key', key, '-j', String(jobs)];
  const kept = cache === undefined ? {} : { XDG_CACHE_HOME: cache };
  const env = { ...process.env, ...kept, SOURCE_DATE_EPOCH: '1795400000' };
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (status, signal) => {
      resolve({ status, signal, stderr });
    });
  });
  return { kill: (signal) => child.kill(signal), ended };
}

/** Bytes that the journal of an unfinished export calls written. */
export async function notedIn(dir: string): Promise<number> {
  const { stretches } = (await readJournal(dir)) ?? { stretches: new Map<string, []>() };
  return [...stretches.values()].reduce((sum, each) => sum + lengthOf(each), 0);
}

/** The files of a folder with their bytes, by name. */
export async function filesOf(dir: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(dir)).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(path.join(dir, name))] as const)),
  );
}
