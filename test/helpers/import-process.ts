import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { launcher } from './cli.ts';

const killer = pathToFileURL(path.join(import.meta.dirname, 'kill-at.js')).href;

/** Where an import is killed: right after its nth line of events, or right before its nth change of the disk. */
export type KillPoint = { readonly line: number } | { readonly step: number } | SignalPoint;

/** Or when somebody else says so, by another signal if it is named here or then. */
export interface SignalPoint {
  readonly when: (act: (signal?: NodeJS.Signals) => void) => void;
  readonly signal?: NodeJS.Signals;
}

export interface EndedImport {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The lines of events, as far as they came. */
  readonly lines: readonly string[];
}

/**
 * Runs `packferry import`, or another command that tells of its progress, as a user does, in a process of its own, and kills it
 * (SIGKILL) at a point if it gets there. `more` is added to the environment.
 */
export async function runImport(
  argv: readonly string[],
  at?: KillPoint,
  more: NodeJS.ProcessEnv = {},
): Promise<EndedImport> {
  const isStep = at !== undefined && 'step' in at;
  const loaded = isStep ? ['--import', killer] : [];
  const env = { ...process.env, ...more, ...(isStep ? { KILL_AT: String(at.step) } : {}) };
  const child = spawn(process.execPath, [...loaded, launcher, ...argv, '--progress', 'json'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (at !== undefined && 'line' in at && lines.length === at.line) child.kill('SIGKILL');
  });
  if (at !== undefined && 'when' in at)
    at.when((signal) => void child.kill(signal ?? at.signal ?? 'SIGKILL'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, lines }));
  });
}
