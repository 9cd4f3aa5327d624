import { spawnSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { systemCodeOf } from '../../src/core/errors.ts';

export interface SshKeygenResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SshKeygenOptions {
  readonly cwd: string;
  readonly input?: string | Uint8Array;
  /** Time zone of the run. */
  readonly timeZone?: string;
}

/** Runs the machine's ssh-keygen to its end. */
export function sshKeygen(args: readonly string[], options: SshKeygenOptions): SshKeygenResult {
  const { stdout, stderr, status, error } = spawnSync('ssh-keygen', args, {
    cwd: options.cwd,
    input: options.input ?? '',
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...(options.timeZone === undefined ? {} : { TZ: options.timeZone }) },
  });
  // It may refuse and end before it has read its input.
  if (error && systemCodeOf(error) !== 'EPIPE') throw error;
  return { ok: status === 0, stdout, stderr };
}

// An unknown option: `-Y` exists since OpenSSH 8.1, and an older one cannot verify either.
const usage = spawnSync('ssh-keygen', ['-?'], { encoding: 'utf8' });
const isThere = usage.error === undefined && usage.stderr.includes('-Y verify');

/** Runs `body` where ssh-keygen can sign and verify; elsewhere says so and asserts nothing more. */
export async function withSshKeygen(t: ExecutionContext, body: () => Promise<void> | void): Promise<void> {
  if (isThere) return body();
  t.log('no ssh-keygen with -Y on this machine: not compared with it');
  t.pass();
}
