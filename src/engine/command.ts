import { spawn } from 'node:child_process';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { runningChild, type Ending, type RunningCommand } from '../core/running-command.ts';
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
  /** Starts it elsewhere than on this machine; the whole command line is handed in. */
  readonly startThere?: (argv: readonly string[]) => Promise<RunningCommand>;
  /** Ends what it is started over. */
  readonly close?: () => void;
  /** Free bytes where this folder of the engine's machine lies, if it is another machine. */
  readonly freeIn?: FreeIn;
}

/** Tells the free bytes where a folder of another machine lies; undefined where nobody knows. */
export type FreeIn = (folder: string) => Promise<number | undefined>;

/** Where a command runs: of this machine, or there. */
export function placeOf({ startThere }: EngineCommand): 'here' | 'there' {
  return startThere === undefined ? 'here' : 'there';
}

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
 * Starts a command: no shell here, in the root folder, since other users may not look into this one. It stays in the process
 * group, for sudo remembers a password by terminal. Throws what starting it elsewhere throws.
 */
export async function startCommand(
  { argv, env, startThere }: EngineCommand,
  args: readonly string[],
): Promise<RunningCommand> {
  if (startThere !== undefined) return startThere([...argv, ...args]);
  const [program, ...before] = argv;
  return runningChild(
    spawn(program, [...before, ...args], { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] }),
  );
}

interface Hints {
  readonly missing: (program: string) => string;
  readonly sudo: string;
  readonly stranger: string;
  readonly group: string;
  readonly start: string;
  readonly other: string;
}

/** By where the command runs. */
const hints: Readonly<Record<'here' | 'there', Hints>> = {
  here: {
    missing: (program) =>
      `Is ${program} installed there, and in the PATH? "packferry doctor" tells what was found.`,
    sudo: 'Let sudo do this without a password (a line in /etc/sudoers.d), call "sudo -v" before, or run packferry as that user.',
    stranger: 'Name a user of this machine: ?as=USER.',
    group: 'Join the group of the engine, or go by sudo: --to "docker:?sudo".',
    start: 'Start the engine, or check DOCKER_HOST and "docker context ls".',
    other: 'Run the same command by hand.',
  },
  there: {
    missing: (program) =>
      `Install ${program} there, or give its user a PATH that has it: commands over SSH get a short one (see: ssh HOST 'echo $PATH').`,
    sudo: 'sudo there has to run this command without a password. In sudoers there: USER ALL=(root) NOPASSWD: COMMAND, with the user whose engine it is in place of root. See docs/ssh.md.',
    stranger: 'Name a user of that machine: as=USER.',
    group:
      'There: sudo usermod -aG docker USER (then log in again). Or have the command run by sudo, which must not ask for a password: add ?sudo, or ?as=USER for an engine of another user.',
    start: 'Start the engine there: systemctl start docker, or systemctl start podman.socket.',
    other: 'Run the same command there by hand, as the same user.',
  },
};

/** The error for a command that could not be started. */
export function notStarted({ name, argv }: EngineCommand, cause: unknown): PackferryError {
  const [program] = argv;
  const why = systemCodeOf(cause) === 'ENOENT' ? `there is no command ${program}` : messageOf(cause);
  const hint = hints.here.missing(program);
  return new PackferryError('E_ENGINE_UNREACHABLE', `${name}: ${why}`, { hint, cause });
}

/** A shell ends with this when there is no such command (POSIX.1-2017, XCU 2.8.2). */
const notFound = 127;

/** The error for a command that did not do what it was to; `what` names the endpoint and the image. */
export function commandFailed(
  what: string,
  argv: readonly string[],
  ending: Ending,
  said: string,
  place: keyof typeof hints = 'here',
): PackferryError {
  const words = engineWords(said.trim());
  const told = words === 'nothing' ? 'it said nothing' : `it said: ${words}`;
  const message = `${what}: ${argv.join(' ')} ended with ${ending}; ${told}`;
  const hint = hints[place];
  const [, missing] = /^sudo: (\S+): command not found/m.exec(said) ?? [];
  if (missing !== undefined || (ending === notFound && place === 'there')) {
    const program = missing ?? argv[0] ?? '';
    return new PackferryError('E_ENGINE_UNREACHABLE', message, { hint: hint.missing(program) });
  }
  if (/^sudo: unknown user/m.test(said))
    return new PackferryError('E_ENGINE_DENIED', message, { hint: hint.stranger });
  if (/^sudo: /m.test(said)) return new PackferryError('E_ENGINE_DENIED', message, { hint: hint.sudo });
  if (/permission denied/i.test(said)) {
    const { code, message: text } = denied(what, `${argv.join(' ')}: ${words}`);
    return new PackferryError(code, text, { hint: hint.group });
  }
  if (
    /cannot connect to|is the docker daemon running|connection refused|no such host|unable to connect/i.test(
      said,
    )
  )
    return new PackferryError('E_ENGINE_UNREACHABLE', message, { hint: hint.start });
  return new PackferryError('E_ENGINE_PROTOCOL', message, { hint: hint.other });
}
