import { access } from 'node:fs/promises';
import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import { currentContext, type Environment } from './docker-context.ts';

/** Where the API of Docker or Podman is reached. */
export type DockerConnection = {
  /** The endpoint in full, for messages and reports, e.g. `docker:unix:///var/run/docker.sock` or `podman:unix:///run/podman/podman.sock`. */
  readonly name: string;
} & (
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
);

/** How endpoints of an engine are written, and what its name is. */
type Scheme = 'docker:' | 'podman:';

const scheme: Scheme = 'docker:';
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

/**
 * Reads `podman:` or `podman:unix:///PATH` (`podman:tcp://HOST:PORT` too). Plain `podman:` is what Podman's own remote
 * client would use: CONTAINER_HOST, else the user's socket `$XDG_RUNTIME_DIR/podman/podman.sock` where there is one,
 * else `/run/podman/podman.sock`. Throws `E_ENDPOINT_INVALID`.
 */
export async function findPodman(endpoint: string, environment: Environment): Promise<DockerConnection> {
  const podman: Scheme = 'podman:';
  if (!endpoint.startsWith(podman))
    throw invalid(endpoint, `a Podman endpoint starts with "${podman}"`, podman);
  const written = endpoint.slice(podman.length);
  if (written !== '') return connectionTo(written, endpoint, {}, podman);
  const host = environment['CONTAINER_HOST'];
  if (host !== undefined && host !== '') return connectionTo(host, `CONTAINER_HOST=${host}`, {}, podman);
  const runtime = environment['XDG_RUNTIME_DIR'];
  if (runtime?.startsWith('/') === true) {
    const own = path.join(runtime, 'podman', 'podman.sock');
    if (await exists(own)) return unixConnection(own, endpoint, podman);
  }
  return unixConnection('/run/podman/podman.sock', endpoint, podman);
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    // Also one that may not be looked at: then the system's socket is tried, and its fault told.
    return false;
  }
}

/** `source` says who named the host. As docker's client does, text without a scheme counts as TCP. */
function connectionTo(
  text: string,
  source: string,
  environment: Environment,
  engine: Scheme = scheme,
): DockerConnection {
  // User names and passwords have no place in messages.
  const where = source.replace(/\/\/[^/]*@/, '//');
  const host = text.includes('://') ? text : `tcp://${text}`;
  if (host.startsWith('unix://')) return unixConnection(host.slice('unix://'.length), where, engine);
  if (host.startsWith('tcp://')) {
    const variable = tlsVariables.find((name) => (environment[name] ?? '') !== '');
    if (variable !== undefined) throw noTls(`${where} (${variable} is set)`);
    return tcpConnection(host, where, engine);
  }
  if (host.startsWith('ssh://')) {
    throw new PackferryError('E_ENDPOINT_INVALID', `${where}: an engine over ssh:// is not supported yet`, {
      hint: 'Run packferry on that machine, or forward its socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, then docker:unix:///tmp/docker.sock',
    });
  }
  throw invalid(where, 'only unix:// and tcp:// lead to an engine', engine);
}

function unixConnection(socket: string, where: string, engine: Scheme): DockerConnection {
  if (!socket.startsWith('/')) throw invalid(where, 'a socket needs an absolute path', engine);
  return { name: `${engine}unix://${socket}`, kind: 'unix', path: socket };
}

function tcpConnection(text: string, where: string, engine: Scheme): DockerConnection {
  let url: URL;
  try {
    // The URL class knows hosts and ports of http only, and hides its default port: hence the rewriting.
    url = new URL(text.replace(/^tcp:/, 'http:'));
  } catch {
    throw invalid(where, 'that is no host and port', engine);
  }
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!bare || url.pathname !== '/')
    throw invalid(where, 'a host and a port are all that it may have', engine);
  const port = url.port === '' ? (/:80\/?$/.test(text) ? 80 : plainPort) : Number(url.port);
  return { name: `${engine}tcp://${url.hostname}:${port}`, kind: 'tcp', host: url.hostname, port };
}

function noTls(where: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `${where}: Docker over TLS is not supported yet`, {
    hint: "Run packferry on the engine's machine and use its socket: docker:unix:///var/run/docker.sock",
  });
}

function invalid(where: string, why: string, engine: Scheme = scheme): PackferryError {
  const product = engine === 'podman:' ? 'Podman' : 'Docker';
  return new PackferryError('E_ENDPOINT_INVALID', `${where}: no ${product} endpoint: ${why}`, {
    hint: `Write ${engine} (the local ${product}), ${engine}unix:///PATH or ${engine}tcp://HOST:PORT.`,
  });
}
