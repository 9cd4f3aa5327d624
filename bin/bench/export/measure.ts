import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { cpuOf, cpuOfEndedChildren, peakMemoryOf, treeOf, writtenBy } from './processes.ts';

/** A program with its arguments. */
export type Command = readonly [program: string, ...args: string[]];

export interface Measured {
  readonly seconds: number;
  /** User and system time of all processes. */
  readonly cpuSeconds: number;
  /** Of it, that of the commands and what they started: without the daemon. */
  readonly clientCpuSeconds: number;
  /** Largest resident memory: the peaks of the processes that ran side by side, added. */
  readonly peakMemory: number;
  /** Of it, that of the largest command. */
  readonly clientPeakMemory: number;
  /** Most that the watched folders took on the disk. */
  readonly peakDisk: number;
  /** What they take at the end. */
  readonly output: number;
  /** Bytes that were written to disk. */
  readonly written: number;
}

export interface MeasureOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where the result lies in the end. */
  readonly output: string;
  /** Folders that count as its disk: output, temporary files, the tool's store. */
  readonly folders: readonly string[];
  /** Daemons that do the work, each with all processes below it. */
  readonly daemons?: readonly number[];
  /** Waited for before the daemons' time is read: what they started for the commands has ended. */
  readonly settled?: () => Promise<void>;
}

const memoryEvery = 20;
/** Looking at a store of many files takes a while itself. */
const diskEvery = 200;

/** Runs commands one after the other and measures them together. Throws when one fails. */
export async function measure(commands: readonly Command[], options: MeasureOptions): Promise<Measured> {
  const { env, folders, settled } = options;
  const daemons = (options.daemons ?? []).flatMap(treeOf);
  const sum = (of: (pid: number) => number): number => daemons.reduce((all, pid) => all + of(pid), 0);
  const before = {
    client: cpuOfEndedChildren(),
    daemon: sum(cpuOf),
    written: writtenBy('self') + sum(writtenBy),
  };
  let peakMemory = 0;
  let clientPeakMemory = 0;
  let peakDisk = 0;
  let running = 0;
  const lookAtMemory = (): void => {
    const client = peakMemoryOf(running);
    clientPeakMemory = Math.max(clientPeakMemory, client);
    peakMemory = Math.max(peakMemory, client + sum(peakMemoryOf));
  };
  let looking = Promise.resolve();
  const lookAtDisk = async (): Promise<void> => {
    peakDisk = Math.max(peakDisk, await diskUse(folders));
  };
  const timers = [
    setInterval(lookAtMemory, memoryEvery),
    setInterval(() => {
      looking = looking.then(lookAtDisk);
    }, diskEvery),
  ];
  const start = performance.now();
  let seconds: number;
  try {
    for (const [program, ...args] of commands) {
      const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
      running = child.pid ?? 0;
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4000)));
      const [status] = (await once(child, 'close')) as [number | null];
      if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${String(status)}\n${said}`);
    }
    seconds = (performance.now() - start) / 1000;
  } finally {
    for (const timer of timers) clearInterval(timer);
    await looking;
  }
  await settled?.();
  const clientCpuSeconds = cpuOfEndedChildren() - before.client;
  const cpuSeconds = clientCpuSeconds + sum(cpuOf) - before.daemon;
  const written = writtenBy('self') + sum(writtenBy) - before.written;
  await lookAtDisk();
  const output = await diskUse([options.output]);
  return {
    ...{ seconds, cpuSeconds, clientCpuSeconds, peakMemory, clientPeakMemory },
    ...{ peakDisk, output, written },
  };
}

/** What folders take on the disk, as `du` counts it but without looking for hard links. */
async function diskUse(folders: readonly string[]): Promise<number> {
  let total = 0;
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true }).catch(() => []);
    for (const entry of entries) {
      const stats = await lstat(path.join(folder, entry)).catch(() => undefined);
      total += stats?.isFile() === true ? stats.blocks * 512 : 0;
    }
  }
  return total;
}

/** The value in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The middle value of each figure. */
export function medians(runs: readonly Measured[]): Measured {
  const of = (key: keyof Measured): number => median(runs.map((run) => run[key]));
  return {
    seconds: of('seconds'),
    cpuSeconds: of('cpuSeconds'),
    clientCpuSeconds: of('clientCpuSeconds'),
    peakMemory: of('peakMemory'),
    clientPeakMemory: of('clientPeakMemory'),
    peakDisk: of('peakDisk'),
    output: of('output'),
    written: of('written'),
  };
}

/** The environment of every tool: nothing of the user's, temporary files where they are counted. */
export function cleanEnvironment(folder: string): NodeJS.ProcessEnv {
  const own = {
    HOME: path.join(folder, 'home'),
    TMPDIR: path.join(folder, 'tmp'),
    XDG_RUNTIME_DIR: path.join(folder, 'run'),
  };
  return { PATH: process.env['PATH'], ...own };
}
