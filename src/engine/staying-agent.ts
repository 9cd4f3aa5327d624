import { Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { ChannelStream } from '../ssh/channel-stream.ts';

// Node's own hook for agents; its types leave it out.
const inherited: unknown = Reflect.get(Agent.prototype, 'addRequest');

/**
 * One connection per request, and no redirects. docker-modem follows them to any host, and since nobody listens to
 * the faults of the second request, a proxy that redirects to a closed port would end the process. An answer without
 * a Location it leaves alone.
 */
export class StayingAgent extends Agent {
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    if (typeof inherited !== 'function') throw new TypeError('http.Agent has no addRequest');
    request.prependListener('response', (answer: IncomingMessage) => {
      delete answer.headers.location;
    });
    Reflect.apply(inherited, this, [request, ...rest]);
  }

  /**
   * docker-modem describes the options of every request, hidden properties and all, for a debug log that nobody reads. Of an
   * agent that is every socket with all that hangs on it, and keys: some 90 ms of an import.
   */
  [inspect.custom](): string {
    return this.constructor.name;
  }
}

/** Connections at a time, and such as wait for a next request: each may be a process, or a channel of a far machine. */
const streams = 8;

/** Milliseconds that a stream waits for a next request: engines close idle ones after 5 s or more, and must not be the first. */
const patience = 2000;

/**
 * The same over connections that somebody else opens. Some wait for a next request: forwarded sockets, since to open one
 * takes a round trip; all of them if `keepAll`. Not where only so many may be open: Node does not count those that are
 * being opened, and the others would wait for kept ones for ever.
 */
export class StreamAgent extends StayingAgent {
  readonly #connect: () => Promise<Duplex>;
  readonly #keepAll: boolean;
  readonly #waiting = new WeakMap<Duplex, NodeJS.Timeout>();

  constructor(connect: () => Promise<Duplex>, keepAll: boolean) {
    super({ keepAlive: true, maxSockets: streams, maxFreeSockets: streams });
    this.#connect = connect;
    this.#keepAll = keepAll;
  }

  override createConnection(_: unknown, opened: (fault: Error | null, stream: Duplex) => void): undefined {
    // Node looks at the fault alone then; its types want a stream all the same.
    const failed = (fault: unknown): void => void Reflect.apply(opened, undefined, [fault]);
    this.#connect().then(
      // Node would wait for one that has failed already.
      (stream) => (stream.destroyed ? failed(stream.errored ?? closed()) : opened(null, stream)),
      failed,
    );
  }

  override keepSocketAlive(stream: Duplex): boolean {
    const isKept = this.#keepAll || (stream instanceof ChannelStream && stream.isForwarded);
    // An open stream is no reason to go on running; what opened it is closed by whoever opened that.
    if (isKept) this.#waiting.set(stream, setTimeout(() => stream.destroy(), patience).unref());
    return isKept;
  }

  override reuseSocket(stream: Duplex, request: ClientRequest): void {
    clearTimeout(this.#waiting.get(stream));
    super.reuseSocket(stream, request);
  }
}

function closed(): Error {
  return Object.assign(new Error('the far end closed the connection'), { code: 'ECONNRESET' });
}

/** The same over TLS. The certificate of the far end is checked whatever the environment of Node says. */
export class TlsAgent extends StayingAgent {
  readonly #options: { readonly host: string; readonly port: number; readonly secureContext: SecureContext };

  constructor({
    host,
    port,
    secure,
  }: {
    readonly host: string;
    readonly port: number;
    readonly secure: SecureContext;
  }) {
    super();
    this.#options = { host: host.replace(/^\[|\]$/g, ''), port, secureContext: secure };
  }

  override createConnection(): TLSSocket {
    const { host } = this.#options;
    const named = isIP(host) === 0 ? { servername: host } : {};
    return connect({ ...this.#options, ...named, rejectUnauthorized: true });
  }
}
