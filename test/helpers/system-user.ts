import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { execOk } from './system-exec.ts';

/** Another user of this machine, with a home of their own. */
export interface OtherUser {
  readonly name: string;
  readonly uid: number;
}

/** Whoever changes the users of the machine, or copies /etc, holds this by `flock`: test files run at the same time. */
export const usersLock = '/etc';

/** Calls `use` with a user that is made for it, and removed afterwards with all that it has running. Needs root, useradd. */
export async function withUser<T>(use: (user: OtherUser) => Promise<T>): Promise<T> {
  // Random, since test files are threads of one process and would count alike.
  const name = `packferry-${randomBytes(6).toString('hex')}`;
  await execOk('flock', [usersLock, 'useradd', '--create-home', '--shell', '/bin/bash', name]);
  const uid = Number(await execOk('id', ['-u', name]));
  try {
    return await use({ name, uid });
  } finally {
    await endAll(uid);
    // Before the number is free: the next user may get the same one.
    for (const left of [
      ...[`/home/${name}`, `/run/user/${uid}`, `/dev/shm/libpod_rootless_lock_${uid}`],
      ...[`/tmp/podman-run-${uid}`, `/tmp/containers-user-${uid}`],
    ])
      await rm(left, { recursive: true, force: true, maxRetries: 10 });
    await execOk('flock', [usersLock, 'userdel', '--force', name]);
  }
}

/** Ends all that the user has running: rootless Podman leaves a process that keeps its namespace. */
async function endAll(uid: number): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const pids = await processesOf(uid);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone by itself.
      }
    }
    await delay(50);
  }
  throw new Error(`processes of user ${uid} do not end`);
}

/** What a user has running; who has ended and is only not yet asked about does not count. */
async function processesOf(uid: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const owned = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      const isOurs = new RegExp(`^Uid:\\s+${uid}\\s`, 'm').test(status) && !/^State:\s+Z/m.test(status);
      return isOurs ? Number(pid) : undefined;
    }),
  );
  return owned.filter((pid) => pid !== undefined);
}
