import { access } from 'node:fs/promises';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import { byCommand, dockerByCommand, findProgram, podmanByCommand } from './by-command.ts';
import { commandEnvironment, type FreeIn } from './command.ts';
import type { EngineConnection } from './connect-engine.ts';
import { currentContext, type Environment } from './docker-context.ts';

/** Where the API of Docker or Podman is reached. */
export type DockerConnection = {
  /** The endpoint in full, for messages and reports, e.g. `docker:unix:///var/run/docker.sock` or `podman:unix:///run/podman/podman.sock`. */
  readonly name: string;
  /** The variable or context that named it; absent: its usual place, or as written. */
  readonly foundBy?: string;
} & (
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Connections that somebody else opens: of a command, or through a tunnel, which `close` ends. */
  | {
      readonly kind: 'stream';
      readonly connect: () => Promise<Duplex>;
      readonly close?: () => void;
      /** It leads to another machine, and may break. */
      readonly isRemote?: boolean;
      readonly freeIn?: FreeIn;
    }
);

/** One over connections that somebody else opens. */
export type StreamConnection = Extract<DockerConnection, { readonly kind: 'stream' }>;

/** How endpoints of an engine are written, and what its name is. */
type Scheme = 'docker:' | 'podman:';

const scheme: Scheme = 'docker:';
const defaultHost = 'unix:///var/run/docker.sock';

/** IANA: 2375 is the Docker API in the clear. */
const plainPort = 2375;

/** The variables by which docker's client is told to speak TLS. */
const tlsVariables = ['DOCKER_TLS_VERIFY', 'DOCKER_TLS', 'DOCKER_CERT_PATH'] as const;

/**
 * Reads `docker:`, `docker:unix:///PATH`, `docker:tcp://HOST[:PORT]`, or `docker:?command`, `docker:?sudo`,
 * `docker:?as=USER` (see `byCommand`). Plain `docker:` is what docker's own client would use: DOCKER_HOST, else the
 * current context (DOCKER_CONTEXT, else `currentContext` of `config.json`), else `/var/run/docker.sock`, else the
 * socket of a rootless engine. Where that wants TLS, the client hands the API through. Throws `E_ENDPOINT_INVALID`.
 */
export async function findDocker(endpoint: string, environment: Environment): Promise<DockerConnection> {
  if (!endpoint.startsWith(scheme)) throw invalid(endpoint, `a Docker endpoint starts with "${scheme}"`);
  const written = endpoint.slice(scheme.length);
  const command = byCommand('docker', written, environment);
  if (command !== undefined) return dockerByCommand(command);
  if (written !== '') return connectionTo(written, endpoint, environment);

  const dockerHost = environment['DOCKER_HOST'];
  if (dockerHost !== undefined && dockerHost !== '') {
    const found = connectionTo(dockerHost, `DOCKER_HOST=${dockerHost}`, environment);
    return { ...found, foundBy: 'DOCKER_HOST' };
  }
  const context = await currentContext(environment);
  if (context === undefined) return localDocker(endpoint, environment);
  const { name, host, tls } = context;
  const found = tls
    ? byTls(`context ${name}`, environment, 'default')
    : connectionTo(host, `context ${name}: ${host}`, environment);
  return { ...found, foundBy: `context ${name}` };
}

/** The system's socket, unless only a rootless engine of this user has one. */
async function localDocker(endpoint: string, environment: Environment): Promise<DockerConnection> {
  const own = inRuntimeFolder(environment, 'docker.sock');
  if (own !== undefined && !(await exists('/var/run/docker.sock')) && (await exists(own))) {
    return unixConnection(own, endpoint, scheme);
  }
  return connectionTo(defaultHost, endpoint, environment);
}

/**
 * Reads `podman:` or `podman:unix:///PATH` (`podman:tcp://HOST:PORT` too), or `podman:?command`, `podman:?sudo`,
 * `podman:?as=USER` (see `byCommand`). Plain `podman:` is CONTAINER_HOST, else the user's socket
 * `$XDG_RUNTIME_DIR/podman/podman.sock` where there is one, else `/run/podman/podman.sock` where there is that, else the
 * command `podman`: Podman needs no socket, and most machines have none. Throws `E_ENDPOINT_INVALID`.
 */
export async function findPodman(endpoint: string, environment: Environment): Promise<EngineConnection> {
  const podman: Scheme = 'podman:';
  if (!endpoint.startsWith(podman))
    throw invalid(endpoint, `a Podman endpoint starts with "${podman}"`, podman);
  const written = endpoint.slice(podman.length);
  const command = byCommand('podman', written, environment);
  if (command !== undefined) return podmanByCommand(command);
  if (written !== '') return connectionTo(written, endpoint, {}, podman);
  const host = environment['CONTAINER_HOST'];
  if (host !== undefined && host !== '') {
    return { ...connectionTo(host, `CONTAINER_HOST=${host}`, {}, podman), foundBy: 'CONTAINER_HOST' };
  }
  const own = inRuntimeFolder(environment, 'podman', 'podman.sock');
  if (own !== undefined && (await exists(own))) return unixConnection(own, endpoint, podman);
  const system = '/run/podman/podman.sock';
  if (!(await exists(system)) && (await findProgram('podman', environment)) !== undefined) {
    const asThisUser = { name: 'podman:?command', argv: ['podman'] as const };
    return podmanByCommand({ ...asThisUser, env: commandEnvironment(environment) });
  }
  return unixConnection(system, endpoint, podman);
}

/** A socket in the folder of what this user runs; undefined where there is no such folder. */
function inRuntimeFolder(environment: Environment, ...names: readonly string[]): string | undefined {
  const runtime = environment['XDG_RUNTIME_DIR'];
  return runtime !== undefined && path.isAbsolute(runtime) ? path.join(runtime, ...names) : undefined;
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
    if (variable !== undefined) return byTls(`${where} (${variable} is set)`, environment, host);
    return tcpConnection(host, where, engine);
  }
  if (host.startsWith('ssh://')) {
    throw new PackferryError(
      'E_ENDPOINT_INVALID',
      `${where}: engines over SSH have an endpoint of their own`,
      {
        hint: `Write it as an endpoint, e.g. --to ${host.replace(/\/\/[^/]*@/, '//USER@')}; or let docker's client go there: docker:?command`,
      },
    );
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

/**
 * Over TLS docker's own client hands the API through: it has the certificates, and reads where they are from the
 * environment or the context. `host` is written into DOCKER_HOST, `default` stands for what the context says.
 */
function byTls(where: string, environment: Environment, host: string): DockerConnection {
  const env = commandEnvironment(environment);
  if (host !== 'default') env['DOCKER_HOST'] = host;
  return dockerByCommand({ name: `docker:?command (${where})`, argv: ['docker'], env });
}

function invalid(where: string, why: string, engine: Scheme = scheme): PackferryError {
  const product = engine === 'podman:' ? 'Podman' : 'Docker';
  return new PackferryError('E_ENDPOINT_INVALID', `${where}: no ${product} endpoint: ${why}`, {
    hint: `Write ${engine} (the local ${product}), ${engine}unix:///PATH, ${engine}tcp://HOST:PORT, or ${engine}?sudo and ${engine}?as=USER to go by its command.`,
  });
}
