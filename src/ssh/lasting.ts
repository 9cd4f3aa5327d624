import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { messageOf, PackferryError } from '../core/errors.ts';
import { tellWait } from '../core/events.ts';
import { connectSsh, type ConnectOptions } from './connect.ts';
import { formatDestination, type Destination } from './destination.ts';
import type { HostConnection } from './host-connection.ts';

export interface LastingOptions extends ConnectOptions {
  readonly signal: AbortSignal;
  /** Milliseconds before each try to connect again. When all are used up with no progress between, it is given up. */
  readonly pauses?: readonly number[];
}

const usualPauses = [500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 30_000, 60_000];

/** Milliseconds for what is put in order at the end, once the run was stopped. */
const lastWork = 15_000;

/**
 * A connection to a host that is made anew when it was lost, for links that break often. Work on it has to be such as may
 * be done twice. It outlives the signal of the run, so that what lies on the host can be put in order: the caller closes it.
 */
export class LastingConnection {
  readonly #destination: Destination;
  readonly #options: LastingOptions;
  #connection: HostConnection;
  #connecting: Promise<void> | undefined;
  /** Fires with the error once nothing more is tried. */
  readonly #givenUp = new AbortController();
  #failures = 0;
  #isClosed = false;

  private constructor(connection: HostConnection, destination: Destination, options: LastingOptions) {
    this.#connection = connection;
    this.#destination = destination;
    this.#options = options;
  }

  /** Connects once: a host that does not answer at first is not waited for. Throws what `connectSsh` throws. */
  static async open(destination: Destination, options: LastingOptions): Promise<LastingConnection> {
    return new LastingConnection(await connect(destination, options, options.signal), destination, options);
  }

  /**
   * Does work that may be done twice; on a new connection, from its beginning, when the old one was lost. Throws what the
   * work throws, the abort reason, and what `connectSsh` throws.
   */
  async use<T>(work: (connection: HostConnection) => Promise<T>): Promise<T> {
    for (;;) {
      const connection = await this.#current();
      try {
        return await work(connection);
      } catch (fault) {
        // The streams on a connection end before it does.
        await nextTurn();
        this.#givenUp.signal.throwIfAborted();
        if (isUnreachable(fault)) connection.close();
        if (connection.isOpen || this.#isClosed) throw fault;
      }
    }
  }

  /** Something got through: the tries are counted from here. */
  alive(): void {
    this.#failures = 0;
  }

  /** Ends the connection, and makes no other: whatever is asked of it from now on fails with this. */
  giveUp(error: PackferryError): void {
    this.#givenUp.abort(error);
    this.#connection.close();
  }

  /**
   * Work at the end, also after the run was stopped: on a new connection if need be, but for no more than 15 seconds. Not
   * where the host was given up.
   */
  async finish(work: (connection: HostConnection) => Promise<void>): Promise<void> {
    this.#givenUp.signal.throwIfAborted();
    const patience = AbortSignal.timeout(lastWork);
    if (!this.#connection.isOpen)
      this.#connection = await connect(this.#destination, this.#options, patience);
    const connection = this.#connection;
    const onTimeout = (): void => connection.close();
    patience.addEventListener('abort', onTimeout, { once: true });
    try {
      await work(connection);
    } finally {
      patience.removeEventListener('abort', onTimeout);
    }
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  close(): void {
    this.#isClosed = true;
    this.#connection.close();
  }

  /** One that stands serves also after the run was stopped, but none is made then. */
  async #current(): Promise<HostConnection> {
    for (;;) {
      this.#givenUp.signal.throwIfAborted();
      if (this.#connection.isOpen) return this.#connection;
      this.#options.signal.throwIfAborted();
      if (this.#isClosed)
        throw new PackferryError('E_SSH_UNREACHABLE', `${this.#connection.name}: it was closed`, {
          hint: 'Run the same command again: it goes on where it stopped.',
        });
      this.#connecting ??= this.#reconnect().finally(() => (this.#connecting = undefined));
      await this.#connecting;
    }
  }

  async #reconnect(): Promise<void> {
    const { emit, pauses = usualPauses } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#givenUp.signal]);
    const name = `ssh://${formatDestination(this.#destination)}`;
    let why = 'the connection was lost';
    for (;;) {
      const pause = pauses[this.#failures];
      if (pause === undefined) {
        const error = lostTooOften(name, pauses.length, why);
        this.giveUp(error);
        throw error;
      }
      this.#failures += 1;
      emit({ type: 'note', level: 'info', message: `${name}: ${why}; connecting again` });
      tellWait(emit, name, why, pause);
      await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
      try {
        this.#connection = await connect(this.#destination, this.#options, signal);
        return;
      } catch (fault) {
        signal.throwIfAborted();
        if (!isUnreachable(fault)) throw fault;
        why = messageOf(fault);
      }
    }
  }
}

function isUnreachable(fault: unknown): boolean {
  return fault instanceof PackferryError && fault.code === 'E_SSH_UNREACHABLE';
}

function lostTooOften(name: string, times: number, why: string): PackferryError {
  const message = `${name}: the connection was lost, and made anew ${times} times without getting any further: ${why}`;
  return new PackferryError('E_SSH_UNREACHABLE', message, {
    hint: 'Run the same command again when the link is better: it goes on where it stopped.',
  });
}

/** The signal counts until the connection stands. */
async function connect(
  destination: Destination,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<HostConnection> {
  signal.throwIfAborted();
  const trying = new AbortController();
  const onAbort = (): void => trying.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await connectSsh(destination, { ...options, signal: trying.signal });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
