import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Owner } from '../bundle/lock-file.ts';
import { systemCodeOf } from '../core/errors.ts';

/**
 * When a process started, as Linux counts it: clock ticks since the machine did (proc_pid_stat(5), field 22). Undefined where
 * that is not told.
 */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in brackets, which may hold anything; 20 fields on stands the time.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function isThere(pid: number): boolean {
  try {
    // Signal 0 asks whether the process is there.
    return process.kill(pid, 0);
  } catch (fault) {
    return systemCodeOf(fault) !== 'ESRCH';
  }
}

const startedAt = startOf(process.pid);

/** This process as the owner of a lock. */
export const thisProcess: Owner = {
  pid: process.pid,
  ...(startedAt === undefined ? {} : { startedAt }),
  isRunning: (pid, started) => {
    if (!isThere(pid)) return false;
    const now = startOf(pid);
    return started === undefined || now === undefined || now === started;
  },
};
