import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { ExecutionContext } from 'ava';
import { unmountDisk } from './system-disk.ts';

/** Bytes of a file that cannot be read: from, to (not included). Reads of the page that they lie in fail. */
export type BadSector = readonly [file: string, from: number, to: number];

/**
 * Runs with `folder` mounted a second time, on a disk with bad sectors: the kernel itself answers EIO there. Says so and
 * passes where nothing can be mounted.
 */
export async function withBadDisk(
  t: ExecutionContext,
  folder: string,
  bad: readonly BadSector[],
  use: (disk: string) => Promise<void>,
): Promise<void> {
  const disk = await mkdtemp(path.join(tmpdir(), 'packferry-disk-'));
  const program = path.join(import.meta.dirname, 'bad-disk-server.js');
  const server = spawn(process.execPath, [program, folder, disk, JSON.stringify(bad)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(server, 'close');
  let isMounted: unknown;
  try {
    isMounted = await Promise.race([once(server.stdout, 'data'), ended.then(() => undefined)]);
    if (isMounted === undefined) {
      const line = `left out: ${t.title} (no file system of our own can be mounted here)`;
      t.log(line);
      process.stderr.write(`${line}\n`);
      t.pass();
      return;
    }
    await access(disk);
    await use(disk);
  } finally {
    if (isMounted !== undefined) await unmountDisk(disk);
    server.kill();
    await ended;
    await rmdir(disk);
  }
}
