import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import pLimit from 'p-limit';
import { onceAborted } from '../core/abort-with.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { JoinedStream } from '../core/joined-stream.ts';
import { limits } from '../core/limits.ts';
import { plainWords } from '../core/plain-words.ts';
import { wordsFrom, type RunningCommand } from '../core/running-command.ts';
import { describe, type Client, type Master } from './client.ts';
import { clientFailed } from './client-fault.ts';
import { ChannelRefused, runBy, Words, type HostConnection, type RemoteExit } from './host-connection.ts';
import { shellCommand } from './shell-quote.ts';

export interface ClientConnectionOptions {
  /** The private folder of this connection, removed with it. */
  readonly folder: string;
  /** The socket of the master. */
  readonly control: string;
  readonly signal: AbortSignal | undefined;
}

/** A connection that OpenSSH's client has made. Commands are clients of their own over it, sockets are forwarded by it. */
export class ClientConnection implements HostConnection {
  readonly name: string;
  readonly account: readonly string[];
  readonly #client: Client;
  readonly #master: Master;
  readonly #options: ClientConnectionOptions;
  readonly #sessions = pLimit(limits.sshSessions);
  readonly #running = new Set<RunningCommand>();
  /** Local sockets, by those of the far side that they lead to. */
  readonly #forwarded = new Map<string, Promise<string>>();
  readonly #stopListening: () => void;
  #lost: PackferryError | undefined;
  #isClosed = false;

  constructor(client: Client, master: Master, options: ClientConnectionOptions) {
    this.name = client.name;
    this.account = [`${client.name}: ssh itself has compared the host key, and was let in`];
    this.#client = client;
    this.#master = master;
    this.#options = options;
    void master.failed.then((fault) => (this.#lost ??= fault));
    const { signal } = options;
    this.#stopListening = onceAborted(signal, () => this.close());
  }

  get isOpen(): boolean {
    return this.#lost === undefined;
  }

  async openStreamLocal(socketPath: string): Promise<Duplex> {
    this.#throwIfLost();
    const known = this.#forwarded.get(socketPath) ?? this.#forward(socketPath);
    this.#forwarded.set(socketPath, known);
    const local = await known;
    this.#throwIfLost();
    return new Promise((resolve, reject) => {
      // With half-open ends, as over SSH: the answer comes after the question has ended.
      const socket = connect({ path: local, allowHalfOpen: true });
      const stream = new JoinedStream(socket, socket, () => socket.destroy());
      socket.once('connect', () => resolve(stream));
      socket.once('error', (fault) => {
        reject(this.#lost ?? new ChannelRefused(messageOf(fault), { cause: fault }));
      });
      // A socket that the host does not reach is closed at once; ssh tells why in words only.
      socket.once('end', () =>
        stream.finish(this.#lost ?? (socket.bytesRead === 0 ? this.#refused() : undefined)),
      );
    });
  }

  async exec(
    argv: readonly string[],
    faultOf: (exit: RemoteExit) => Error | undefined,
    onWords?: (words: Buffer) => void,
  ): Promise<Duplex> {
    const command = shellCommand(argv);
    return new Promise((resolve, reject) => {
      void this.#sessions(async () => {
        try {
          this.#throwIfLost();
          const running = this.#client.startOver(this.#options.control, command);
          this.#running.add(running);
          resolve(this.#commandStream(running, faultOf, onWords));
          await running.ended.catch(() => undefined);
          this.#running.delete(running);
        } catch (fault) {
          reject(fault instanceof Error ? fault : new Error(messageOf(fault)));
        }
      });
    });
  }

  run(argv: readonly string[]): Promise<RemoteExit & { readonly stdout: string }> {
    return runBy((...given) => this.exec(...given), argv);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopListening();
    this.#lost = new PackferryError('E_SSH_UNREACHABLE', `${this.name}: the connection was closed`, {
      hint: 'Run the same command again: what is there already is not sent twice.',
    });
    for (const running of this.#running) running.stop();
    this.#master.stop();
    rmSync(this.#options.folder, { recursive: true, force: true });
  }

  #commandStream(
    { stdin, stdout, stderr, ended, stop }: RunningCommand,
    faultOf: (exit: RemoteExit) => Error | undefined,
    onWords: ((words: Buffer) => void) | undefined,
  ): JoinedStream {
    const words = new Words();
    stderr.on('data', (chunk: Buffer) => {
      words.add(chunk);
      onWords?.(chunk);
    });
    const stream = new JoinedStream(stdin, stdout, stop);
    ended.then(
      (ending) => {
        const said = words.text;
        if (this.#lost !== undefined) stream.finish(this.#lost);
        else if (ending === clientFailed) stream.finish(this.#client.fault(said, `ssh ${describe(ending)}`));
        else
          stream.finish(faultOf({ status: typeof ending === 'number' ? ending : undefined, stderr: said }));
      },
      (fault: unknown) => stream.finish(this.#client.notStarted(fault)),
    );
    return stream;
  }

  /** Has the master forward a socket; a local one in the private folder leads to it. */
  async #forward(socketPath: string): Promise<string> {
    // ssh gives these a meaning in paths, in some versions.
    if (!/^\/[\w/.@+,=-]*$/.test(socketPath))
      throw new ChannelRefused(`ssh is not asked to forward to a path like ${JSON.stringify(socketPath)}`);
    const { folder, control } = this.#options;
    const local = path.join(folder, `s${this.#forwarded.size}`);
    const asked = this.#client.startForward(control, `${local}:${socketPath}`);
    asked.stdin.end();
    asked.stdout.resume();
    const [ending, words] = await Promise.all([asked.ended, wordsFrom(asked.stderr, limits.sshWords)]);
    if (ending === 0) return local;
    throw this.#lost ?? new ChannelRefused(`ssh ${describe(ending)}: ${plainWords(words)}`);
  }

  #refused(): Error {
    return new ChannelRefused(`the host does not forward to it: ${plainWords(this.#master.lastWords())}`);
  }

  #throwIfLost(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }
}
