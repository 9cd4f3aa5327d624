import { spawn } from 'node:child_process';
import { collect } from '../core/collect.ts';
import { messageOf, systemCodeOf, type PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { runningChild, wordsFrom, type Ending, type RunningCommand } from '../core/running-command.ts';
import { hostArguments, type ClientWords } from './client-command.ts';
import { clientFault, noClient } from './client-fault.ts';
import type { Destination } from './destination.ts';
import { Words } from './host-connection.ts';
import type { SshUser } from './settings.ts';

export interface ClientSettings {
  /** `ssh://HOST`, for messages. */
  readonly name: string;
  readonly destination: Destination;
  readonly words: ClientWords;
  /** See `connectArguments`. */
  readonly connecting: readonly string[];
  readonly environment: SshUser['environment'];
}

/** The connection that all others go over. */
export interface Master {
  /** Ends it. */
  readonly stop: () => void;
  /** Resolves when it has ended, which it does not by itself while all is well. */
  readonly failed: Promise<PackferryError>;
  /** What it has said last. */
  readonly lastWords: () => string;
  /** Gets what it says. */
  onWords: (words: string) => void;
}

/** Seconds that ssh waits by itself where nobody has set a time: see `settingsOf`. */
const usual = { connecttimeout: 20, serveraliveinterval: 15 } as const;

/** OpenSSH's client on its way to one host. */
export class Client {
  readonly name: string;
  readonly #settings: ClientSettings;

  constructor(settings: ClientSettings) {
    this.name = settings.name;
    this.#settings = settings;
  }

  /** Options for times that ssh_config leaves open: without them a dead host is waited for without end. */
  async patience(): Promise<string[]> {
    const { connecting, destination } = this.#settings;
    const { stdout, stderr, stdin, ended, stop } = this.#start([
      '-G',
      ...connecting,
      ...hostArguments(destination),
    ]);
    try {
      stdin.end();
      const what = `${this.name}: ssh -G`;
      const [ending, said] = await Promise.all([
        ended,
        collect(stdout, limits.sshConfig, what),
        wordsFrom(stderr, limits.sshWords),
      ]);
      // What is wrong is told by the connection itself.
      if (ending !== 0) return [];
      const isSet = (keyword: string): boolean =>
        new RegExp(`^${keyword} [1-9]`, 'm').test(said.toString('utf8'));
      return Object.entries(usual).flatMap(([keyword, seconds]) =>
        isSet(keyword) ? [] : ['-o', `${keyword}=${seconds}`],
      );
    } catch (fault) {
      throw this.notStarted(fault);
    } finally {
      stop();
    }
  }

  startMaster(control: string, patience: readonly string[], environment: SshUser['environment']): Master {
    const { connecting, destination } = this.#settings;
    const asMaster = ['-M', '-N', '-S', control, '-o', 'ControlPersist=no'];
    const { stdout, stderr, ended, stop } = this.#start(
      [...connecting, ...patience, ...asMaster, ...hostArguments(destination)],
      environment,
    );
    stdout.resume();
    const words = new Words();
    let last = '';
    const master: Master = {
      stop,
      lastWords: () => last,
      onWords: () => undefined,
      failed: ended.then(
        (ending) => this.fault(words.text, `ssh ${describe(ending)}`),
        (fault: unknown) => this.notStarted(fault),
      ),
    };
    stderr.on('data', (chunk: Buffer) => {
      words.add(chunk);
      last = chunk.toString('utf8');
      master.onWords(last);
    });
    return master;
  }

  /** Starts a client that runs a command over the master; where the master takes no more, it connects by itself. */
  startOver(control: string, command: string): RunningCommand {
    const { connecting, destination } = this.#settings;
    const over = ['-S', control, '-o', 'ControlMaster=no'];
    return this.#start([...connecting, ...over, ...hostArguments(destination), command]);
  }

  /** Asks the master to forward a local socket to one of the far side. No other forward of ssh_config comes along. */
  startForward(control: string, sockets: string): RunningCommand {
    const { destination } = this.#settings;
    const asking = ['-S', control, '-O', 'forward', '-L', sockets];
    return this.#start(['-F', 'none', ...asking, ...hostArguments(destination)]);
  }

  fault(words: string, how: string): PackferryError {
    return clientFault(this.name, words, how);
  }

  notStarted(fault: unknown): PackferryError {
    const [program] = this.#settings.words;
    const why = systemCodeOf(fault) === 'ENOENT' ? 'there is no such program' : messageOf(fault);
    return noClient(program, why, fault);
  }

  /** It stays in the process group: a terminal that closes ends it, too. Its words are to be English, here and there. */
  #start(args: readonly string[], environment = this.#settings.environment): RunningCommand {
    const { words } = this.#settings;
    const [program, ...given] = words;
    const env = { ...environment, LC_ALL: 'C' };
    return runningChild(spawn(program, [...given, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] }));
  }
}

/** How it ended, in words. */
export function describe(ending: Ending): string {
  return typeof ending === 'number' ? `ended with status ${ending}` : `was ended by ${ending}`;
}
