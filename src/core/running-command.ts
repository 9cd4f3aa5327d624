import type { Readable, Writable } from 'node:stream';

/** How a command ended: the status that it exited with, or the signal that ended it, whose name is not always known. */
export type Ending = number | NodeJS.Signals | 'a signal';

/** A command that runs, on this machine or on another one. */
export interface RunningCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles once everything that it said has come; rejects when it could not be started, or was lost. */
  readonly ended: Promise<Ending>;
  /** Ends it and what it started. */
  readonly stop: () => void;
}

/** A child process with three pipes, as `spawn` gives it. */
interface Child {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  kill(signal: NodeJS.Signals): boolean;
  once(event: 'error', listener: (fault: Error) => void): unknown;
  once(event: 'exit', listener: () => void): unknown;
  once(event: 'close', listener: (status: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

/** Time between the polite signal and the other, in milliseconds. */
const grace = 5000;

/**
 * A child process as a running command. It is ended politely, for what it has started: rootless Podman and sudo hand SIGTERM
 * on. A process of another user cannot be signalled: it ends since its input and output are closed.
 */
export function runningChild(child: Child): RunningCommand {
  const { stdin, stdout, stderr } = child;
  // It may end before it has read its input; its status tells of that.
  stdin.on('error', () => undefined);
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? signal ?? 1));
  });
  // Whoever stops it may not wait for its end.
  ended.catch(() => undefined);
  const stop = (): void => {
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), grace);
    timer.unref();
    child.once('exit', () => clearTimeout(timer));
  };
  return { stdin, stdout, stderr, ended, stop };
}

/** What a stream gives, cut at a limit in bytes; the rest is thrown away, for a command that cannot write never ends. */
export async function wordsFrom(stream: Readable, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let left = maxBytes;
  try {
    for await (const part of stream as AsyncIterable<Buffer>) {
      const bytes = part.subarray(0, left);
      if (bytes.length > 0) parts.push(bytes);
      left -= bytes.length;
    }
  } catch {
    // Closed since the command was stopped: what had come counts.
  }
  return Buffer.concat(parts).toString('utf8');
}
