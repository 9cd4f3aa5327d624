import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Environment } from './docker-context.ts';
import { denied } from './engine-fault.ts';
import { engineWords } from './engine-words.ts';

/** An engine's own command, as which user whatever. */
export interface EngineCommand {
  /** The endpoint, for messages, e.g. `podman:?as=demisto`. */
  readonly name: string;
  /** The program and the arguments that stand before those of a call, e.g. `sudo -n -H -u demisto -- podman`. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Variables that decide which engine a command reaches and where it keeps its files; nothing else is handed on. */
const handedOn = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME'],
  ...['DBUS_SESSION_BUS_ADDRESS', 'CONTAINERS_CONF', 'CONTAINERS_STORAGE_CONF', 'STORAGE_DRIVER'],
  ...[
    'DOCKER_HOST',
    'DOCKER_CONTEXT',
    'DOCKER_CONFIG',
    'DOCKER_CERT_PATH',
    'DOCKER_TLS',
    'DOCKER_TLS_VERIFY',
  ],
] as const;

/** The environment of an engine's command: its words are to be English. */
export function commandEnvironment(environment: Environment): Record<string, string> {
  const env: Record<string, string> = { LC_ALL: 'C' };
  for (const name of handedOn) {
    const value = environment[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/**
 * Starts a command: no shell, in the root folder, since other users may not look into this one. It stays in the process
 * group, for sudo remembers a password by terminal.
 */
export function startCommand(
  { argv: [program, ...before], env }: EngineCommand,
  args: readonly string[],
): Child {
  const child = spawn(program, [...before, ...args], { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  // It may end before it has read its input; its status tells of that.
  child.stdin.on('error', () => undefined);
  return child;
}

/** Time between the polite signal and the other, in milliseconds. */
const grace = 5000;

/**
 * Ends a command and what it started. Rootless Podman and sudo hand SIGTERM on. A process of another user cannot be
 * signalled: it ends since its input and output are closed.
 */
export function stopCommand(child: Child): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), grace);
  timer.unref();
  child.once('exit', () => clearTimeout(timer));
}

/** How a command ended: the status that it exited with, or the signal that ended it. */
export type Ending = number | NodeJS.Signals;

/** Waits for the end; rejects when it could not be started. */
export function endOf(child: Child): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? signal ?? 1));
  });
}

/** What a stream gives, cut at a limit; the rest is thrown away, for a child that cannot write never ends. */
export async function wordsFrom(stream: Readable, maxBytes: number = limits.errorBody): Promise<string> {
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

const hints = {
  start: (program: string): string =>
    `Is ${program} installed there, and in the PATH? "packferry doctor" tells what was found.`,
  sudo: 'Let sudo do this without a password (a line in /etc/sudoers.d), call "sudo -v" before, or run packferry as that user.',
  socket: 'Join the group of the engine, or go by sudo: --to "docker:?sudo".',
} as const;

/** The error for a command that could not be started. */
export function notStarted({ name, argv }: EngineCommand, cause: unknown): PackferryError {
  const [program] = argv;
  const why = systemCodeOf(cause) === 'ENOENT' ? `there is no command ${program}` : messageOf(cause);
  return new PackferryError('E_ENGINE_UNREACHABLE', `${name}: ${why}`, { hint: hints.start(program), cause });
}

/** The error for a command that did not do what it was to; `what` names the endpoint and the image. */
export function commandFailed(
  what: string,
  argv: readonly string[],
  ending: Ending,
  said: string,
): PackferryError {
  const words = engineWords(said.trim());
  const told = words === '' ? 'it said nothing' : `it said: ${words}`;
  const message = `${what}: ${argv.join(' ')} ended with ${ending}; ${told}`;
  if (/^sudo: /m.test(said)) return new PackferryError('E_ENGINE_DENIED', message, { hint: hints.sudo });
  if (/permission denied/i.test(said)) {
    const { code, message: text } = denied(what, `${argv.join(' ')}: ${words}`);
    return new PackferryError(code, text, { hint: hints.socket });
  }
  if (/cannot connect to|is the docker daemon running|connection refused|no such host/i.test(said)) {
    return new PackferryError('E_ENGINE_UNREACHABLE', message, {
      hint: 'Start the engine, or check DOCKER_HOST and "docker context ls".',
    });
  }
  return new PackferryError('E_ENGINE_PROTOCOL', message, { hint: 'Run the same command by hand.' });
}
