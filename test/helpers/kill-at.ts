// Loaded before packferry (node --import): kills the process right before the KILL_AT-th change of the disk.
import fsp from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

let left = Number(process.env['KILL_AT']);

function step(): void {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

type Work = (...args: unknown[]) => unknown;

function wrap(holder: object, name: string, changes: (args: readonly unknown[]) => boolean): void {
  const work = Reflect.get(holder, name) as Work;
  Reflect.set(holder, name, function (this: unknown, ...args: unknown[]): unknown {
    if (changes(args)) step();
    return Reflect.apply(work, this, args);
  });
}

const handle = await fsp.open(import.meta.filename);
const methods = Object.getPrototypeOf(handle) as object;
await handle.close();
// What is not synced survives the end of a process, so a kill before `sync` is one before the rename.
wrap(methods, 'writeFile', () => true);
for (const name of ['mkdir', 'rename', 'rm', 'writeFile']) wrap(fsp, name, () => true);
// Opening changes the disk when it makes a file.
wrap(fsp, 'open', ([, flags]) => flags === 'wx');
syncBuiltinESMExports();
