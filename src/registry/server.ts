import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { ServedContent } from '../core/served.ts';
import { interrupted } from './interrupted.ts';
import { errorAnswer, type ServerAnswer } from './server-answers.ts';
import { answerTo } from './server-routes.ts';

export interface ServeOptions {
  /** Address or name to listen at, e.g. `127.0.0.1`. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Closes the server when it aborts. */
  readonly signal?: AbortSignal;
  /** Told when content could not be read: the client only sees that the answer breaks off. */
  readonly onFault?: (fault: unknown) => void;
}

export interface ContentServer {
  /** e.g. `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Host and port as references write them, e.g. `127.0.0.1:5000`. */
  readonly host: string;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** Milliseconds after which a connection on which nothing moves is cut: a silent client must not hold files open. */
const idleLimit = 120_000;

/**
 * Serves content as a read-only registry over plain HTTP (OCI distribution specification, "Pull" and "Content
 * Discovery"). Throws `E_ENDPOINT_INVALID` when it cannot listen there.
 */
export async function serveContent(content: ServedContent, options: ServeOptions): Promise<ContentServer> {
  const { host, port, signal } = options;
  const where = `${host.includes(':') ? `[${host}]` : host}:`;
  if (signal?.aborted === true) throw interrupted(signal, `${where}${port}`);
  const server = createServer((request, response) => {
    void respond(request, response, content, options);
  });
  server.setTimeout(idleLimit);
  const address = await listen(server, host, port, `${where}${port}`);

  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    await closeServer(server);
  };
  const onAbort = (): void => void close();
  signal?.addEventListener('abort', onAbort, { once: true });
  const shown = `${where}${address.port}`;
  return { url: `http://${shown}`, host: shown, close };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  content: ServedContent,
  options: ServeOptions,
): Promise<void> {
  const { method = '', url = '', headers } = request;
  const answer = await answerTo({ method, target: url, headers }, content).catch((fault: unknown) => {
    options.onFault?.(fault);
    return errorAnswer(500, 'UNKNOWN', 'the content cannot be read');
  });
  try {
    await write(answer, method === 'HEAD', response);
  } catch (fault) {
    response.destroy();
    if (!isClientGone(fault)) options.onFault?.(fault);
  }
}

/** Sends an answer; a stream that breaks or has another length than announced takes the connection with it. */
async function write(answer: ServerAnswer, isHead: boolean, response: ServerResponse): Promise<void> {
  const { status, headers, bytes, stream } = answer;
  const size = stream?.size ?? bytes?.length;
  response.writeHead(status, {
    'docker-distribution-api-version': 'registry/2.0',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...(size === undefined ? {} : { 'content-length': size }),
  });
  if (isHead || stream === undefined) {
    response.end(isHead ? undefined : bytes);
    return;
  }
  await pipeline(stream.open(), exactly(stream.size), response);
}

/** Without this a short stream would leave the client waiting for the rest. */
function exactly(size: number): Transform {
  let passed = 0;
  const mismatch = (): PackferryError =>
    new PackferryError('E_SIZE_MISMATCH', `content to serve: expected ${size} bytes, got ${passed}`);
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      passed += chunk.length;
      if (passed > size) done(mismatch());
      else done(null, chunk);
    },
    flush(done: TransformCallback) {
      done(passed === size ? null : mismatch());
    },
  });
}

async function listen(server: Server, host: string, port: number, where: string): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (fault) => {
      const taken = systemCodeOf(fault) === 'EADDRINUSE';
      const hint = taken
        ? 'Another program listens there. Choose another port.'
        : 'Choose another address or port.';
      reject(
        new PackferryError('E_ENDPOINT_INVALID', `${where}: cannot listen: ${messageOf(fault)}`, {
          hint,
          cause: fault,
        }),
      );
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

function isClientGone(fault: unknown): boolean {
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(systemCodeOf(fault) ?? '');
}
