import { PackferryError } from '../core/errors.ts';
import { currentContext, type Environment } from './docker-context.ts';

/** Where a Docker API is reached. */
export type DockerConnection = {
  /** The endpoint in full, for messages and reports, e.g. `docker:unix:///var/run/docker.sock`. */
  readonly name: string;
} & (
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
);

const scheme = 'docker:';
const defaultHost = 'unix:///var/run/docker.sock';

/** IANA: 2375 is the Docker API in the clear. */
const plainPort = 2375;

/** The variables by which docker's client is told to speak TLS. */
const tlsVariables = ['DOCKER_TLS_VERIFY', 'DOCKER_TLS', 'DOCKER_CERT_PATH'] as const;

/**
 * Reads `docker:`, `docker:unix:///PATH` or `docker:tcp://HOST[:PORT]`. Plain `docker:` is what docker's own client
 * would use: DOCKER_HOST, else the current context (DOCKER_CONTEXT, else `currentContext` of `config.json`), else
 * `/var/run/docker.sock`. Throws `E_ENDPOINT_INVALID`.
 */
export async function findDocker(endpoint: string, environment: Environment): Promise<DockerConnection> {
  if (!endpoint.startsWith(scheme)) throw invalid(endpoint, `a Docker endpoint starts with "${scheme}"`);
  const written = endpoint.slice(scheme.length);
  if (written !== '') return connectionTo(written, endpoint, environment);

  const dockerHost = environment['DOCKER_HOST'];
  if (dockerHost !== undefined && dockerHost !== '') {
    return connectionTo(dockerHost, `DOCKER_HOST=${dockerHost}`, environment);
  }
  const context = await currentContext(environment);
  if (context === undefined) return connectionTo(defaultHost, endpoint, environment);
  if (context.tls) throw noTls(`context ${context.name}`);
  return connectionTo(context.host, `context ${context.name}: ${context.host}`, environment);
}

/** `source` says who named the host. As docker's client does, text without a scheme counts as TCP. */
function connectionTo(text: string, source: string, environment: Environment): DockerConnection {
  // User names and passwords have no place in messages.
  const where = source.replace(/\/\/[^/]*@/, '//');
  const host = text.includes('://') ? text : `tcp://${text}`;
  if (host.startsWith('unix://')) return unixConnection(host.slice('unix://'.length), where);
  if (host.startsWith('tcp://')) {
    const variable = tlsVariables.find((name) => (environment[name] ?? '') !== '');
    if (variable !== undefined) throw noTls(`${where} (${variable} is set)`);
    return tcpConnection(host, where);
  }
  if (host.startsWith('ssh://')) {
    throw new PackferryError('E_ENDPOINT_INVALID', `${where}: Docker over ssh:// is not supported yet`, {
      hint: 'Run packferry on that machine, or forward its socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, then docker:unix:///tmp/docker.sock',
    });
  }
  throw invalid(where, 'only unix:// and tcp:// lead to a Docker');
}

function unixConnection(path: string, where: string): DockerConnection {
  if (!path.startsWith('/')) throw invalid(where, 'a socket needs an absolute path');
  return { name: `${scheme}unix://${path}`, kind: 'unix', path };
}

function tcpConnection(text: string, where: string): DockerConnection {
  let url: URL;
  try {
    // The URL class knows hosts and ports of http only, and hides its default port: hence the rewriting.
    url = new URL(text.replace(/^tcp:/, 'http:'));
  } catch {
    throw invalid(where, 'that is no host and port');
  }
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!bare || url.pathname !== '/') throw invalid(where, 'a host and a port are all that it may have');
  const port = url.port === '' ? (/:80\/?$/.test(text) ? 80 : plainPort) : Number(url.port);
  return { name: `${scheme}tcp://${url.hostname}:${port}`, kind: 'tcp', host: url.hostname, port };
}

function noTls(where: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `${where}: Docker over TLS is not supported yet`, {
    hint: "Run packferry on the engine's machine and use its socket: docker:unix:///var/run/docker.sock",
  });
}

function invalid(where: string, why: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `${where}: no Docker endpoint: ${why}`, {
    hint: 'Write docker: (the local Docker), docker:unix:///PATH or docker:tcp://HOST:PORT.',
  });
}
