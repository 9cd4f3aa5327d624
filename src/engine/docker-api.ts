import { Agent, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import * as z from 'zod';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { DockerConnection } from './docker-connection.ts';
import { denied, engineFault } from './engine-fault.ts';
import { engineWords } from './engine-words.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  /** Path without the query, e.g. `/images/x/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Streamed as it is read; an error of it destroys the connection. */
  readonly body?: Readable;
  readonly signal?: AbortSignal;
}

/** The Docker API at one address. */
export interface DockerApi {
  /** The endpoint, for messages. */
  readonly name: string;
  /** Sends one request; resolves with the answer's head, whatever its status, and its unread body. */
  send(request: ApiRequest): Promise<IncomingMessage>;
  /** Destroys every connection. */
  close(): void;
}

/** Statuses that the Docker API answers with; dockerode is to hand all of them through, unread. */
const statusCodes = Object.fromEntries(
  [200, 400, 401, 403, 404, 405, 406, 409, 500, 501, 502, 503, 504].map((status) => [status, true]),
);

/** Prepares the connection; nothing is sent yet. */
export async function connectDocker(connection: DockerConnection): Promise<DockerApi> {
  // Loaded only now: dockerode brings gRPC along, which a run without an engine should not wait for.
  const { default: DockerClient } = await import('dockerode');
  const agent = new Agent();
  const docker = construct(DockerClient, connection, agent);
  return {
    name: connection.name,
    send: (request) => send(docker, request),
    close: () => agent.destroy(),
  };
}

/**
 * dockerode fills every option that is absent from DOCKER_HOST and its relatives, and would rather use those: so all
 * are present. An invalid DOCKER_HOST or DOCKER_CERT_PATH makes it throw even so.
 */
function construct(DockerClient: typeof Docker, connection: DockerConnection, agent: Agent): Docker {
  const settings = {
    protocol: 'http' as const,
    agent,
    socketPath: connection.kind === 'unix' ? connection.path : undefined,
    host: connection.kind === 'tcp' ? `http://${connection.host}` : '',
    port: connection.kind === 'tcp' ? connection.port : undefined,
    pathPrefix: '/',
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
  };
  try {
    return new DockerClient(settings);
  } catch (fault) {
    throw new PackferryError('E_ENDPOINT_INVALID', `${connection.name}: ${messageOf(fault)}`, {
      hint: 'Mend or unset DOCKER_HOST and DOCKER_CERT_PATH.',
      cause: fault,
    });
  }
}

/**
 * One request by dockerode's own transport. Its ready-made calls would not do: they collect answers of any length,
 * `inspect` sends neither its options nor its abort signal, and errors come as text only.
 */
function send(docker: Docker, request: ApiRequest): Promise<IncomingMessage> {
  const { method, path, query, body, signal } = request;
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        method,
        // dockerode appends the query where it finds a question mark, and takes the mark off again if there is none.
        path: `${path}?`,
        ...(query === undefined ? {} : { options: { _query: query } }),
        ...(body === undefined ? {} : { file: body }),
        ...(signal === undefined ? {} : { abortSignal: signal }),
        isStream: true,
        statusCodes,
      },
      (fault, answer) => {
        if (answer instanceof IncomingMessage) resolve(answer);
        else reject(fault ?? new Error('no answer'));
      },
    );
  });
}

/** Asks for a JSON document; undefined when the engine has none of that name (404). */
export async function askDocker<T>(
  api: DockerApi,
  request: Omit<ApiRequest, 'method' | 'body'>,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const what = `${api.name}: GET ${request.path}`;
  let answer: IncomingMessage;
  let content: Buffer;
  try {
    answer = await api.send({ ...request, method: 'GET' });
    content = await collect(answer, limits.engineAnswer, what);
  } catch (fault) {
    request.signal?.throwIfAborted();
    throw engineFault(fault, what);
  }
  if (answer.statusCode === 404) return undefined;
  if (answer.statusCode !== 200) throw refused(what, answer.statusCode, content);
  try {
    return schema.parse(JSON.parse(content.toString('utf8')));
  } catch (fault) {
    const why = fault instanceof z.ZodError ? z.prettifyError(fault) : messageOf(fault);
    throw new PackferryError(
      'E_ENGINE_PROTOCOL',
      `${what}: not the answer of a Docker API: ${engineWords(why)}`,
      {
        hint: 'Is this the socket of Docker or Podman?',
        cause: fault,
      },
    );
  }
}

function refused(what: string, status: number | undefined, content: Buffer): PackferryError {
  const words = wordsOf(content);
  if (status === 401 || status === 403) return denied(what, `the engine said: ${words}`);
  return new PackferryError(
    'E_ENGINE_PROTOCOL',
    `${what}: status ${status ?? 'unknown'}; the engine said: ${words}`,
    {
      hint: "Look into the engine's log.",
    },
  );
}

const errorBody = z.object({ message: z.string().exactOptional(), cause: z.string().exactOptional() });

/** The text of an error answer: Docker's `message`, else the body as it is. */
export function wordsOf(content: Buffer): string {
  const text = content.toString('utf8');
  try {
    const { message, cause } = errorBody.parse(JSON.parse(text));
    return engineWords(message ?? cause ?? text);
  } catch {
    return engineWords(text);
  }
}
