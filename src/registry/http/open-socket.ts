import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { abortWith } from '../../core/abort-with.ts';
import { portOf } from '../../core/hosts.ts';
import { SlabReader } from '../../core/slabs.ts';
import { HttpFault } from './http-fault.ts';
import { openTunnel } from './tunnel.ts';
import { untilBroken } from './until-broken.ts';

/** What goes into a TLS connection; as `tls.connect` takes it. */
export interface TlsTrust {
  /** Absent: the usual authorities, and what Node itself was told to trust. */
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** How a machine is reached. */
export interface Line {
  /** Whom to connect to; only its host and port count. */
  readonly origin: URL;
  /** How to know him; absent for plain HTTP. */
  readonly tls?: TlsTrust;
  /** The way leads through a tunnel that this proxy makes. */
  readonly tunnel?: { readonly proxy: Line; readonly authorization: string | undefined };
}

/** A connected socket. */
export interface OpenSocket {
  readonly socket: Socket;
  /** Hands over all that comes; what `take` gets is to be given back (core/slabs.ts). False: no more until `resume`. */
  listen(take: (bytes: Buffer) => boolean): void;
}

/**
 * Opens a connection. Name lookup, TCP, tunnel and TLS together take no longer than `timeout` (milliseconds), and not
 * longer than `signals` let them.
 */
export async function openSocket(
  line: Line,
  timeout: number,
  signals: readonly AbortSignal[],
): Promise<OpenSocket> {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new HttpFault('HTTP_CONNECT_TIMEOUT', 'the connection timed out'));
  }, timeout);
  const links = signals.map((signal) => abortWith(limit, signal));
  try {
    return await open(line, limit.signal);
  } finally {
    clearTimeout(timer);
    for (const letGo of links) letGo();
  }
}

async function open(line: Line, signal: AbortSignal): Promise<OpenSocket> {
  const inlet = new Inlet();
  const socket = await dial(line, signal, inlet.onread);
  socket.once('close', () => {
    inlet.close();
  });
  const listen: OpenSocket['listen'] = (take) => {
    inlet.take = take;
    // Node reads what comes out of a tunnel into buffers of its own.
    if (line.tunnel !== undefined) socket.on('data', (bytes: Buffer) => take(bytes) || socket.pause());
  };
  return { socket, listen };
}

/** What comes over one socket, read into slabs. */
class Inlet {
  readonly #slabs = new SlabReader();
  take: (bytes: Buffer) => boolean = () => true;
  readonly onread: OnReadOpts = {
    buffer: () => this.#slabs.room(),
    callback: (bytes) => this.take(this.#slabs.took(bytes)),
  };

  close(): void {
    this.#slabs.leave();
  }
}

async function dial(line: Line, signal: AbortSignal, onread?: OnReadOpts): Promise<Socket> {
  const { origin, tls, tunnel } = line;
  const host = origin.hostname.replace(/^\[|\]$/g, '');
  const port = portOf(origin);
  let through: Socket | undefined;
  if (tunnel !== undefined) {
    through = await dial(tunnel.proxy, signal);
    await openTunnel(through, `${origin.hostname}:${port}`, tunnel.authorization, signal);
  }
  const to = {
    ...{ host, port: Number(port), noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 },
    ...(onread === undefined ? {} : { onread }),
  };
  const socket =
    tls === undefined
      ? connectPlain(to)
      : connectTls({
          ...{ ...to, ...tls, ALPNProtocols: ['http/1.1'] },
          ...(through === undefined ? {} : { socket: through }),
          // An address is no name to ask for (RFC 6066, section 3).
          ...(isIP(host) === 0 ? { servername: host } : {}),
        });
  await untilBroken(socket, signal, (resolve) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
  });
  return socket;
}
