// Runs one daemon for the tests and cleans up after it: `node system-supervisor.js FOLDER COMMAND [ARG...]`.
//
// A process of its own, so that the daemon is gone whatever happens to the tests: it ends when its standard input
// does, be it that a test closed it or that the test process died. Then: SIGTERM, SIGKILL if that does not help,
// unmount whatever is left below FOLDER (dockerd leaves overlays and network namespaces), remove FOLDER.
// The daemon writes to FOLDER/log. Two words may come on standard input: `kill` ends the daemon by SIGKILL, and `start`
// starts it anew. Standard output says `killed` and `started` then, and `ended` when the daemon ended by itself.

import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { execTool } from './system-exec.ts';

const patience = 15_000;

const [folder, command, ...args] = process.argv.slice(2);
if (folder === undefined || command === undefined) throw new Error('usage: FOLDER COMMAND [ARG...]');

const log = openSync(path.join(folder, 'log'), 'a');

interface Daemon {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
}

function start(program: string): Daemon {
  const started = spawn(program, args, { stdio: ['ignore', log, log], cwd: folder });
  const exited = new Promise<void>((resolve) => {
    started.once('exit', () => resolve());
    started.once('error', () => resolve());
  });
  void exited.then(() => say(started.signalCode === 'SIGKILL' ? 'killed' : 'ended'));
  return { process: started, exited };
}

function say(word: string): void {
  process.stdout.write(`${word}\n`);
}

// Nobody may be left to read that.
process.stdout.on('error', () => undefined);
let daemon = start(command);

const orders = createInterface({ input: process.stdin });
orders.on('line', (order) => {
  if (order === 'kill') {
    daemon.process.kill('SIGKILL');
  } else {
    daemon = start(command);
    say('started');
  }
});
const released = new Promise<void>((resolve) => {
  process.stdin.once('close', () => resolve());
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => process.stdin.destroy());
}

await released;
const before = await stat(path.join(folder, 'log')).then(
  ({ size }) => size,
  () => 0,
);
daemon.process.kill('SIGTERM');
const end = (): boolean => daemon.process.kill('SIGKILL');
const hard = setTimeout(end, patience);
await Promise.race([daemon.exited, dockerIsDone(before)]);
end();
await daemon.exited;
clearTimeout(hard);
await unmountBelow(folder);
// What is still ending there may write once more.
await rm(folder, { recursive: true, force: true, maxRetries: 10 });

/**
 * Resolves when dockerd has written, behind the first `before` bytes of the log, that it has nothing left to do: what follows is
 * a second of sleep until its containerd is gone, which the kernel ends as soon as dockerd is.
 */
async function dockerIsDone(before: number): Promise<void> {
  const saysSo = async (): Promise<boolean> => {
    const said = await readFile(path.join(folder ?? '', 'log')).catch(() => Buffer.alloc(0));
    return said.includes('Daemon shutdown complete', before);
  };
  while (!(await saysSo())) await delay(20, undefined, { ref: false });
}

async function unmountBelow(root: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => mount.startsWith(`${root}/`));
  for (const mount of mounts.reverse()) await execTool('umount', ['--lazy', mount]);
}
