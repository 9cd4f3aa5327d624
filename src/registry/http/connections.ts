import { setMaxListeners } from 'node:events';
import { Connection, type ExchangeTimeouts, type Sent } from './connection.ts';
import { HttpFault } from './http-fault.ts';
import { openSocket, type Line } from './open-socket.ts';
import { requestText, type HttpRequest } from './request.ts';
import { reasonOf } from './until-broken.ts';

export interface ConnectionsOptions {
  /** How many there are at most. */
  readonly most: number;
  /** In milliseconds; `connect` is for name lookup, TCP, tunnel and TLS together. */
  readonly timeouts: ExchangeTimeouts & { readonly connect: number };
}

/** Gets a connection, or without one the right to try again. */
type Waiting = (connection: Connection | undefined) => void;

/** The connections to one origin: used again as long as the server keeps them, and never more than so many at a time. */
export class Connections {
  readonly #line: Line;
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Connection>();
  /** Those that nobody uses; the one that was used last comes last. */
  readonly #idle: Connection[] = [];
  /** Connections that there are, or that are being made. */
  #count = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  readonly #closed = new AbortController();

  constructor(line: Line, options: ConnectionsOptions) {
    this.#line = line;
    this.#options = options;
    setMaxListeners(0, this.#closed.signal);
  }

  /**
   * Sends a request; the answer is there as soon as its head is. When `signal` aborts, also later, the connection is cut.
   * Throws what the system says, `HttpFault`, or `TunnelRefused`.
   */
  async send(request: HttpRequest, signal: AbortSignal | undefined): Promise<Sent> {
    const text = requestText(request);
    const connection = await this.#acquire(signal);
    let stop = (): void => {
      connection.cut(reasonOf(signal));
    };
    const listener = (): void => {
      stop();
    };
    const done = (): void => signal?.removeEventListener('abort', listener);
    signal?.addEventListener('abort', listener);
    try {
      const sending = connection.exchange(request.method, text, request.content);
      if (signal?.aborted === true) stop();
      const sent = await sending;
      // The connection may serve another one as soon as the answer is whole.
      stop = () => sent.body.destroy(reasonOf(signal));
      sent.body.once('close', done);
      return sent;
    } catch (fault) {
      done();
      throw fault;
    }
  }

  /** Cuts all of them. */
  close(): void {
    this.#closed.abort(new HttpFault('HTTP_CLOSED', 'the connection was closed'));
    for (const connection of [...this.#open]) connection.cut();
    this.#wakeAll();
  }

  async #acquire(signal: AbortSignal | undefined): Promise<Connection> {
    for (;;) {
      if (this.#closed.signal.aborted) throw reasonOf(this.#closed.signal);
      const idle = this.#idle.pop();
      if (idle !== undefined) return idle;
      if (this.#count < this.#options.most) return this.#make(signal);
      const given = await this.#wait(signal);
      if (given !== undefined) return given;
    }
  }

  async #make(signal: AbortSignal | undefined): Promise<Connection> {
    const { timeouts } = this.#options;
    const signals = [this.#closed.signal, ...(signal === undefined ? [] : [signal])];
    this.#count += 1;
    try {
      const opened = await openSocket(this.#line, timeouts.connect, signals);
      const connection = new Connection(opened, timeouts, {
        free: (one) => {
          this.#freed(one);
        },
        gone: (one) => {
          this.#gone(one);
        },
      });
      this.#open.add(connection);
      return connection;
    } catch (fault) {
      this.#count -= 1;
      this.#wake();
      throw fault;
    }
  }

  async #wait(signal: AbortSignal | undefined): Promise<Connection | undefined> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(waiting);
        reject(reasonOf(signal));
      };
      const waiting: Waiting = (connection) => {
        signal?.removeEventListener('abort', stop);
        resolve(connection);
      };
      if (signal?.aborted === true) {
        stop();
        return;
      }
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', stop);
    });
  }

  #freed(connection: Connection): void {
    if (!this.#wake(connection)) this.#idle.push(connection);
  }

  #gone(connection: Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#open.delete(connection)) this.#count -= 1;
    this.#wake();
  }

  /** Calls who has waited longest. */
  #wake(connection?: Connection): boolean {
    const [first] = this.#waiting;
    if (first === undefined) return false;
    this.#waiting.delete(first);
    first(connection);
    return true;
  }

  #wakeAll(): void {
    while (this.#wake());
  }
}
