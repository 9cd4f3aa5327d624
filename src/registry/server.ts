import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createPlainServer, type AddressInfo, type Server as PlainServer } from 'node:net';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ServedContent } from '../core/served.ts';
import { interrupted } from './interrupted.ts';
import { AnswerDesk, type DeskOptions } from './server-desk.ts';

export interface ServeOptions extends DeskOptions {
  /** Address or name to listen at, e.g. `127.0.0.1`. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Speak HTTPS, with this certificate and its key, both PEM. Default: plain HTTP. */
  readonly tls?: ServerTls;
  /** Closes the server when it aborts. */
  readonly signal?: AbortSignal;
  /** Milliseconds that answers under way may still take when the server is closed. Default: none. */
  readonly grace?: number;
  /** Told of every connection that is refused, since there are `limits.serverConnections` already. */
  readonly onRefused?: () => void;
}

/** A certificate with those that lead to its authority, and its key, both PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

export interface ContentServer {
  /** e.g. `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Host and port as references write them, e.g. `127.0.0.1:5000`. */
  readonly host: string;
  /** Lets answers under way end, as `grace` allows, stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** Milliseconds. A client that is silent or dribbles must not hold connections and files for long. */
const patience = {
  /** From the first byte of a request to the end of its headers. */
  headers: 20_000,
  /** For the whole request, should it have a body. */
  request: 60_000,
  handshake: 20_000,
  /** Nothing moves in either direction. */
  idle: 120_000,
  /** Between two requests of a connection. */
  keepAlive: 30_000,
};

/**
 * Serves content as a read-only registry (OCI distribution specification, "Pull" and "Content Discovery"). Throws
 * `E_ENDPOINT_INVALID` when it cannot listen there.
 */
export async function serveContent(content: ServedContent, options: ServeOptions): Promise<ContentServer> {
  const { host, port, signal, tls, grace = 0 } = options;
  if (signal?.aborted === true) throw interrupted(signal, whereOf(host, port));
  const desk = new AnswerDesk(content, options);
  const server = makeServer(tls, (request, response) => {
    desk.take(request, response);
  });
  server.on('drop', () => options.onRefused?.());
  const address = await listen(server, host, port, whereOf(host, port));

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    await desk.close(grace);
    await closeServer(server);
  };
  const onAbort = (): void => void (closing ??= close());
  signal?.addEventListener('abort', onAbort, { once: true });
  const shown = whereOf(host, address.port);
  const url = `${tls === undefined ? 'http' : 'https'}://${shown}`;
  return { url, host: shown, close: () => (closing ??= close()) };
}

function makeServer(tls: ServerTls | undefined, take: RequestListener): Server {
  const options = {
    maxHeaderSize: limits.requestHeaders,
    headersTimeout: patience.headers,
    requestTimeout: patience.request,
    keepAliveTimeout: patience.keepAlive,
    connectionsCheckingInterval: 5_000,
  };
  const server =
    tls === undefined
      ? createServer(options, take)
      : createTlsServer(
          { ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: patience.handshake },
          take,
        );
  // Without this, Node asks clients for the body that they offer to send.
  server.on('checkContinue', take);
  server.setTimeout(patience.idle);
  server.maxConnections = limits.serverConnections;
  return server;
}

/** Can a server listen there? To be asked before long work of which it is to tell. Throws `E_ENDPOINT_INVALID`. */
export async function checkAddress({ host, port }: Pick<ServeOptions, 'host' | 'port'>): Promise<void> {
  // Any port that is free will do.
  if (port === 0) return;
  const server = createPlainServer();
  await listen(server, host, port, whereOf(host, port));
  await new Promise((resolve) => server.close(resolve));
}

function whereOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Why a server may not listen somewhere, in words. */
const cannotListen: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  EADDRINUSE: { why: 'another program listens there', hint: 'End that one, or choose another port.' },
  EADDRNOTAVAIL: {
    why: 'this machine has no such address',
    hint: 'Give one that "ip address" shows, or 0.0.0.0 for all of them.',
  },
  EACCES: { why: 'this user may not', hint: 'Ports below 1024 are for root: choose a higher one.' },
  ENOTFOUND: { why: 'there is no host of this name', hint: 'Give an address of this machine.' },
};

async function listen(server: PlainServer, host: string, port: number, where: string): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (fault) => {
      const { why = messageOf(fault), hint = 'Choose another address or port.' } =
        cannotListen[systemCodeOf(fault) ?? ''] ?? {};
      const message = `${where}: cannot listen: ${why}`;
      reject(new PackferryError('E_ENDPOINT_INVALID', message, { hint, cause: fault }));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new PackferryError('E_INTERNAL', `${where}: no port`);
  return address;
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
