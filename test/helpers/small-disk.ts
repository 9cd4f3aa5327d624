import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import type { ExecutionContext } from 'ava';
import { unmountDisk } from './system-disk.ts';
import { execTool } from './system-exec.ts';

/** Runs with a disk of so many KiB, mounted in `folder`; says so and passes where nothing can be mounted. */
export async function withSmallDisk(
  t: ExecutionContext,
  folder: string,
  kib: number,
  use: (disk: string) => Promise<void>,
): Promise<void> {
  const disk = path.join(folder, 'disk');
  await mkdir(disk);
  const mount = execTool('mount', ['-t', 'tmpfs', '-o', `size=${Math.ceil(kib)}k`, 'tmpfs', disk]);
  const mounted = await mount.catch(() => undefined);
  if (mounted?.status !== 0) {
    const line = `left out: ${t.title} (no file system can be mounted here)`;
    t.log(line);
    process.stderr.write(`${line}\n`);
    t.pass();
    return;
  }
  try {
    await use(disk);
  } finally {
    await unmountDisk(disk);
  }
}
