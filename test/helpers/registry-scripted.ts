import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { pipeline } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { collect } from '../../src/core/collect.ts';
import type { Certificate } from './registry-certificate.ts';
import type { ServedContent } from '../../src/core/served.ts';
import { answerTo } from '../../src/registry/server-routes.ts';

/** What a client sent. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The common name of the certificate that the client has shown. */
  readonly certificate: string | undefined;
}

export interface ScriptedServer {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly url: string;
  /** Every request, in order. */
  readonly seen: readonly Seen[];
  close(): Promise<void>;
}

/** Answers one request; `before` are the requests that came earlier. */
export type Script = (
  request: Seen,
  response: ServerResponse,
  before: readonly Seen[],
) => void | Promise<void>;

/**
 * An HTTP server on a free loopback port that misbehaves as told. With a certificate it speaks HTTPS, and takes whatever
 * certificate a client shows.
 */
export async function startScripted(script: Script, certificate?: Certificate): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const listener: RequestListener = (message, response) => {
    const answer = async (): Promise<void> => {
      const { url = '', method = '', headers, socket } = message;
      const body = method === 'POST' ? (await collect(message, 64 * 1024, 'body')).toString('utf8') : '';
      const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.subject : undefined;
      const request = { method, path: url, authorization: headers.authorization, headers, body };
      const before = [...seen];
      seen.push({ ...request, certificate: shown?.replace(/^CN=/, '') });
      await script({ ...request, certificate: shown }, response, before);
    };
    answer().catch(() => response.destroy());
  };
  const server: Server =
    certificate === undefined
      ? createServer(listener)
      : createTlsServer(
          { key: certificate.key, cert: certificate.pem, requestCert: true, rejectUnauthorized: false },
          listener,
        );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const host = `127.0.0.1:${address.port}`;
  return {
    host,
    url: `${certificate === undefined ? 'http' : 'https'}://${host}`,
    seen,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
    },
  };
}

/** Answers as a well-behaved registry with this content would. */
export async function serveFrom(
  content: ServedContent,
  request: Seen,
  response: ServerResponse,
): Promise<void> {
  const answer = await answerTo({ method: 'GET', target: request.path, headers: request.headers }, content);
  response.writeHead(answer.status, answer.headers);
  if (answer.stream === undefined) response.end(answer.bytes);
  // A client that goes away must not leave the file open.
  else pipeline(answer.stream.open(), response, () => undefined);
}

/** A refusal in the words of the distribution specification. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ errors: [{ code, message: `refused with ${code}` }] }));
}
