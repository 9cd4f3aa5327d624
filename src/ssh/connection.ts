import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Client, ClientChannel } from 'ssh2';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { plainWords } from '../core/plain-words.ts';
import { ChannelStream } from './channel-stream.ts';
import { shellCommand } from './shell-quote.ts';
import { connectionLost } from './ssh-fault.ts';

/** How often a session that was refused is asked for again, and milliseconds between. */
const sessionTries = 50;
const sessionPause = 100;

/** How a command ended. */
export interface RemoteExit {
  /** Undefined when a signal ended it, or the connection broke. */
  readonly status: number | undefined;
  /** What it said on stderr, at most `limits.sshWords` bytes of it. */
  readonly stderr: string;
}

/** The far end refused to open a channel: this way is closed, another may be open. */
export class ChannelRefused extends Error {
  override readonly name = 'ChannelRefused';
}

/**
 * One connection to a host, by way of others where there are jump hosts. Everything goes through channels of it, as many
 * at the same time as the host takes.
 */
export class SshConnection {
  /** `ssh://[USER@]HOST[:PORT]`, for messages. */
  readonly name: string;
  readonly #clients: readonly Client[];
  readonly #client: Client;
  readonly #stopListening: () => void;
  readonly #sessions = pLimit(limits.sshSessions);
  #lost: PackferryError | undefined;
  #isClosed = false;
  #hadSession = false;

  /** `jumps`: the hops before the destination, in order. All of them have let the user in. */
  constructor(name: string, jumps: readonly Client[], last: Client, signal: AbortSignal | undefined) {
    const clients = [...jumps, last];
    this.name = name;
    this.#clients = clients;
    this.#client = last;
    for (const client of clients) {
      client.on('error', (fault) => (this.#lost ??= connectionLost(name, fault)));
      client.on('close', () => (this.#lost ??= connectionLost(name)));
    }
    const onAbort = (): void => this.close();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#stopListening = () => signal?.removeEventListener('abort', onAbort);
  }

  /** False once it was lost or closed. */
  get isOpen(): boolean {
    return this.#lost === undefined;
  }

  /** Opens a Unix socket of the far machine, as the user there. Throws `ChannelRefused`, `E_SSH_UNREACHABLE`. */
  async openStreamLocal(socketPath: string): Promise<Duplex> {
    return this.#open(
      (done) => this.#client.openssh_forwardOutStreamLocal(socketPath, done),
      (channel) => new ChannelStream(channel, { faultAtEnd: () => this.#lost, endsWith: 'eof' }),
    );
  }

  /**
   * Runs a command: its standard input and output as a stream. `faultOf` is asked when it has ended; a fault destroys the
   * stream. Throws `ChannelRefused`, `E_SSH_UNREACHABLE`, `E_USAGE` for arguments with line breaks.
   */
  async exec(argv: readonly string[], faultOf: (exit: RemoteExit) => Error | undefined): Promise<Duplex> {
    const command = shellCommand(argv);
    return this.#inSession(command, (channel) => this.#commandStream(channel, faultOf));
  }

  #commandStream(channel: ClientChannel, faultOf: (exit: RemoteExit) => Error | undefined): ChannelStream {
    let status: number | undefined;
    const words: Buffer[] = [];
    let length = 0;
    channel.stderr.on('data', (chunk: Buffer) => {
      const taken = chunk.subarray(0, Math.max(0, limits.sshWords - length));
      length += taken.length;
      words.push(taken);
    });
    // The status is null when a signal ended it.
    channel.on('exit', (code: number | null) => (status = code ?? undefined));
    const faultAtEnd = (): Error | undefined =>
      this.#lost ?? faultOf({ status, stderr: Buffer.concat(words).toString('utf8') });
    return new ChannelStream(channel, { faultAtEnd, endsWith: 'close' });
  }

  /** Runs a short command without input. Its output may have `limits.sshWords` bytes; what is over that is dropped. */
  async run(argv: readonly string[]): Promise<RemoteExit & { readonly stdout: string }> {
    let exit: RemoteExit = { status: undefined, stderr: '' };
    const stream = await this.exec(argv, (ended) => {
      exit = ended;
      return undefined;
    });
    stream.end();
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (length < limits.sshWords) chunks.push(chunk);
      length += chunk.length;
    }
    return { ...exit, stdout: Buffer.concat(chunks).subarray(0, limits.sshWords).toString('utf8') };
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

  /** Ends everything at once, the last hop first. May be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopListening();
    this.#lost ??= new PackferryError('E_SSH_UNREACHABLE', `${this.name}: the connection was closed`, {
      hint: 'Run the same command again: what is there already is not sent twice.',
    });
    for (const client of [...this.#clients].reverse()) {
      client.end();
      client.destroy();
    }
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
