import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { withTempFolder } from '../helpers/system-service.ts';

/** Handles one request of the Docker API. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface FakeDocker {
  readonly socket: string;
  /** `METHOD path?query` of every request so far. */
  readonly requests: readonly string[];
}

/** What the API answers, by `METHOD /path`; for images the path ends after their names. */
export interface FakeAnswers {
  readonly ping?: Handler;
  readonly info?: Handler;
  readonly inspect?: Handler;
  readonly load?: Handler;
  readonly save?: Handler;
}

/** Answers with a JSON document. */
export function json(value: unknown, status = 200): Handler {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

/** What Docker 28 answers when it is asked whether it is there. */
const dockerPing: Handler = (_, response) => {
  response.writeHead(200, { 'api-version': '1.51', ostype: 'linux' }).end('OK');
};
/** The state of an engine with the classic store. */
export const classicInfo = json({ Driver: 'overlay2', DriverStatus: [['Backing Filesystem', 'extfs']] });
/** The state of an engine with the containerd store. */
export const containerdInfo = json({
  Driver: 'overlayfs',
  DriverStatus: [['driver-type', 'io.containerd.snapshotter.v1']],
});
const noSuchImage = json({ message: 'No such image' }, 404);

/**
 * A Docker API on a Unix socket, for what a real engine cannot be made to do: faults in mid-air, and stores that the
 * machine's Docker does not have.
 */
export async function withFakeDocker<T>(
  answers: FakeAnswers,
  use: (docker: FakeDocker) => Promise<T>,
): Promise<T> {
  return withTempFolder(async (folder) => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      // Cut connections are what these tests are about.
      request.on('error', () => undefined);
      const url = request.url ?? '';
      requests.push(`${request.method ?? ''} ${url}`);
      void handlerFor(answers, url)(request, response);
    });
    const socket = path.join(folder, 'docker.sock');
    server.listen(socket);
    await once(server, 'listening');
    try {
      return await use({ socket, requests });
    } finally {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });
}

function handlerFor(answers: FakeAnswers, url: string): Handler {
  if (url === '/_ping') return answers.ping ?? dockerPing;
  if (url === '/info') return answers.info ?? classicInfo;
  if (url.startsWith('/images/json')) return json([]);
  if (url.startsWith('/images/load')) return answers.load ?? json({ message: 'unexpected' }, 500);
  if (url.endsWith('/get')) return answers.save ?? noSuchImage;
  return answers.inspect ?? noSuchImage;
}
