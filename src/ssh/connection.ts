import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Client, ClientChannel } from 'ssh2';
import { onceAborted } from '../core/abort-with.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { plainWords } from '../core/plain-words.ts';
import { ChannelStream } from './channel-stream.ts';
import { endClient } from './end-client.ts';
import { ChannelRefused, runBy, Words, type HostConnection, type RemoteExit } from './host-connection.ts';
import { shellCommand } from './shell-quote.ts';
import { connectionLost } from './ssh-fault.ts';

/** How often a session that was refused is asked for again, and milliseconds between. */
const sessionTries = 50;
const sessionPause = 100;

/** A host that has let the user in, and how. */
export interface Hop {
  readonly client: Client;
  readonly account: string;
}

/**
 * One connection to a host, by way of others where there are jump hosts. Everything goes through channels of it, as many
 * at the same time as the host takes.
 */
export class SshConnection implements HostConnection {
  readonly name: string;
  readonly account: readonly string[];
  readonly #clients: readonly Client[];
  readonly #client: Client;
  readonly #stopListening: () => void;
  readonly #sessions = pLimit(limits.sshSessions);
  #lost: PackferryError | undefined;
  #isClosed = false;
  #hadSession = false;

  /** `hops`: those before the destination, and it, in order. All of them have let the user in. */
  constructor(name: string, hops: readonly [Hop, ...Hop[]], signal: AbortSignal | undefined) {
    const clients = hops.map(({ client }) => client);
    this.name = name;
    this.account = hops.map(({ account }) => account);
    this.#clients = clients;
    this.#client = (hops.at(-1) ?? hops[0]).client;
    for (const client of clients) {
      client.on('error', (fault) => (this.#lost ??= connectionLost(name, fault)));
      client.on('close', () => (this.#lost ??= connectionLost(name)));
    }
    this.#stopListening = onceAborted(signal, () => this.close());
  }

  get isOpen(): boolean {
    return this.#lost === undefined;
  }

  async openStreamLocal(socketPath: string): Promise<Duplex> {
    return this.#open(
      (done) => this.#client.openssh_forwardOutStreamLocal(socketPath, done),
      (channel) => new ChannelStream(channel, { faultAtEnd: () => this.#lost, endsWith: 'eof' }),
    );
  }

  async exec(
    argv: readonly string[],
    faultOf: (exit: RemoteExit) => Error | undefined,
    onWords?: (words: Buffer) => void,
  ): Promise<Duplex> {
    const command = shellCommand(argv);
    return this.#inSession(command, (channel) => this.#commandStream(channel, faultOf, onWords));
  }

  #commandStream(
    channel: ClientChannel,
    faultOf: (exit: RemoteExit) => Error | undefined,
    onWords: ((words: Buffer) => void) | undefined,
  ): ChannelStream {
    let status: number | undefined;
    const words = new Words();
    channel.stderr.on('data', (chunk: Buffer) => {
      words.add(chunk);
      onWords?.(chunk);
    });
    // The status is null when a signal ended it.
    channel.on('exit', (code: number | null) => (status = code ?? undefined));
    const faultAtEnd = (): Error | undefined => this.#lost ?? faultOf({ status, stderr: words.text });
    return new ChannelStream(channel, { faultAtEnd, endsWith: 'close' });
  }

  run(argv: readonly string[]): Promise<RemoteExit & { readonly stdout: string }> {
    return runBy((...given) => this.exec(...given), argv);
  }

  /** A session counts until the host has ended it, which is later than our end of it. */
  #inSession(command: string, use: (channel: ClientChannel) => ChannelStream): Promise<ChannelStream> {
    return new Promise((resolve, reject) => {
      void this.#sessions(async () => {
        try {
          const [stream, ended] = await this.#openPatiently(command, (channel) => {
            return [use(channel), new Promise((end) => channel.once('close', end))] as const;
          });
          this.#hadSession = true;
          resolve(stream);
          await ended;
        } catch (fault) {
          // What `open` rejects with is an error.
          reject(fault instanceof Error ? fault : new Error(messageOf(fault)));
        }
      });
    });
  }

  /** sshd frees the place of a session a moment after it has told of its end: where one was opened, another one may be. */
  async #openPatiently<T>(command: string, use: (channel: ClientChannel) => T): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.#open((done) => this.#client.exec(command, done), use);
      } catch (fault) {
        if (!(fault instanceof ChannelRefused) || !this.#hadSession || tried > sessionTries) throw fault;
        await delay(sessionPause);
      }
    }
  }

  /** The last hop first. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopListening();
    this.#lost ??= new PackferryError('E_SSH_UNREACHABLE', `${this.name}: the connection was closed`, {
      hint: 'Run the same command again: what is there already is not sent twice.',
    });
    for (const client of [...this.#clients].reverse()) endClient(client);
  }

  /** `use` is called at once: the next packets may have come along, and what nobody listens for is lost. */
  #open<T>(
    ask: (done: (fault: Error | undefined, channel: ClientChannel) => void) => void,
    use: (channel: ClientChannel) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) throw this.#lost;
      ask((fault, channel) => {
        if (!(fault instanceof Error)) resolve(use(channel));
        else reject(this.#lost ?? new ChannelRefused(plainWords(messageOf(fault)), { cause: fault }));
      });
    });
  }
}
