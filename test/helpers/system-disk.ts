import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { execOk, execTool } from './system-exec.ts';

/** Makes a folder and mounts an empty disk of so many KiB on it. Needs root; whoever owns the folder has to unmount it. */
export async function mountDisk(folder: string, kib: number): Promise<void> {
  await mkdir(folder);
  await execOk('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder]);
}

/** Unmounts a disk; a program that has just ended may keep it for a moment. Throws when it is still in use after seconds. */
export async function unmountDisk(folder: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await execTool('umount', [folder])).status === 0) return;
    await delay(100);
  }
  await execOk('umount', [folder]);
}
