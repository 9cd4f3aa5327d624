import { IncomingMessage, type Agent } from 'node:http';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { messageOf, PackferryError } from '../core/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { StayingAgent, StreamAgent, TlsAgent } from './staying-agent.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path without the query, e.g. `/images/x/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Streamed as it is read; an error of it destroys the connection. */
  readonly body?: Readable;
  /** Sent as JSON, in place of a body. */
  readonly json?: object;
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

/** dockerode is to hand every answer through, unread. */
const statusCodes = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [200 + at, true]));

/** Loads what talks to engines, for whoever has to wait for something else first. Told again by what needs it. */
export function prepareDocker(): void {
  import('dockerode').catch(() => undefined);
}

/** Prepares the connection; nothing is sent yet. */
export async function connectDocker(connection: DockerConnection): Promise<DockerApi> {
  // Loaded only now: dockerode brings gRPC along, which a run without an engine should not wait for.
  const { default: DockerClient } = await import('dockerode');
  const agent = agentFor(connection);
  const docker = construct(DockerClient, connection, agent);
  return {
    name: connection.name,
    send: (request) => send(docker, request),
    close: () => {
      agent.destroy();
      if (connection.kind === 'stream') connection.close?.();
    },
  };
}

function agentFor(connection: DockerConnection): Agent {
  if (connection.kind === 'stream')
    return new StreamAgent(connection.connect, connection.close === undefined);
  return connection.kind === 'tls' ? new TlsAgent(connection) : new StayingAgent();
}

/**
 * dockerode fills every option that is absent from DOCKER_HOST and its relatives, and would rather use those: so all
 * are present. An invalid DOCKER_HOST or DOCKER_CERT_PATH makes it throw even so.
 */
function construct(DockerClient: typeof Docker, connection: DockerConnection, agent: Agent): Docker {
  const isTcp = connection.kind === 'tcp' || connection.kind === 'tls';
  const settings = {
    // TLS is the agent's own matter.
    protocol: 'http' as const,
    agent,
    socketPath: connection.kind === 'unix' ? connection.path : undefined,
    // Streams need some host for their requests.
    host: isTcp ? `http://${connection.host}` : connection.kind === 'stream' ? 'http://engine' : '',
    port: isTcp ? connection.port : undefined,
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
  const { method, path, query, body, json, signal } = request;
  const options = {
    ...(query === undefined && json === undefined ? {} : { options: { _query: query ?? {}, _body: json } }),
    ...(body === undefined ? {} : { file: body }),
    ...(signal === undefined ? {} : { abortSignal: signal }),
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        method,
        // dockerode appends the query where it finds a question mark, and takes the mark off again if there is none.
        path: `${path}?`,
        ...options,
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
