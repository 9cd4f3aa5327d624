import { readdir, readFile, rm } from 'node:fs/promises';
import { execOk } from './system-exec.ts';

/** Another user of this machine, with a home of their own. */
export interface OtherUser {
  readonly name: string;
  readonly uid: number;
}

let made = 0;

/** Calls `use` with a user that is made for it, and removed afterwards with all that it has running. Needs root, useradd. */
export async function withUser<T>(use: (user: OtherUser) => Promise<T>): Promise<T> {
  made += 1;
  const name = `packferry-${process.pid}-${made}`;
  await execOk('useradd', ['--create-home', '--shell', '/bin/bash', name]);
  const uid = Number(await execOk('id', ['-u', name]));
  try {
    return await use({ name, uid });
  } finally {
    // Rootless Podman leaves a process that keeps its namespace.
    for (const pid of await processesOf(uid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone by itself.
      }
    }
    await execOk('userdel', ['--force', name]);
    await rm(`/home/${name}`, { recursive: true, force: true });
    for (const folder of [`/tmp/podman-run-${uid}`, `/tmp/containers-user-${uid}`, `/run/user/${uid}`])
      await rm(folder, { recursive: true, force: true });
  }
}

async function processesOf(uid: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const owned = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      return new RegExp(`^Uid:\\s+${uid}\\s`, 'm').test(status) ? Number(pid) : undefined;
    }),
  );
  return owned.filter((pid) => pid !== undefined);
}
