import { mkdir } from 'node:fs/promises';
import { execOk } from './system-exec.ts';

/** Makes a folder and mounts an empty disk of so many KiB on it. Needs root; whoever owns the folder has to unmount it. */
export async function mountDisk(folder: string, kib: number): Promise<void> {
  await mkdir(folder);
  await execOk('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder]);
}
