import { access } from 'node:fs/promises';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { byCommand, dockerByCommand, findProgram, podmanByCommand } from './by-command.ts';
import { commandEnvironment, type FreeIn } from './command.ts';
import type { EngineConnection } from './connect-engine.ts';
import { currentContext, type Environment } from './docker-context.ts';
import { tlsByVariables } from './docker-tls.ts';
import { notAnEngine, readAddress, unixConnection } from './engine-address.ts';
import { onThisMachine, type FarEngine } from './far-engine.ts';
import { namedConnection } from './podman-connections.ts';

/** Where the API of Docker or Podman is reached. */
export type DockerConnection = {
  /** The endpoint in full, for messages and reports, e.g. `docker:unix:///var/run/docker.sock` or `podman:unix:///run/podman/podman.sock`. */
  readonly name: string;
  /** The variable or context that named it; absent: its usual place, or as written. */
  readonly foundBy?: string;
} & (
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Over TLS, by these authorities and the own certificate. */
  | { readonly kind: 'tls'; readonly host: string; readonly port: number; readonly secure: SecureContext }
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

/** The engine that an endpoint means: here, or on another machine. */
export type EnginePlace = EngineConnection | FarEngine;

/**
 * Reads `docker:`, `docker:unix:///PATH`, `docker:tcp://HOST[:PORT]`, `docker:ssh://[USER@]HOST`, or `docker:?command`,
 * `docker:?sudo`, `docker:?as=USER` (see `byCommand`). Plain `docker:` is what docker's own client would use: DOCKER_HOST,
 * else the current context (DOCKER_CONTEXT, else `currentContext` of `config.json`), else `/var/run/docker.sock`, else the
 * socket of a rootless engine. Throws `E_ENDPOINT_INVALID`.
 */
export async function locateDocker(
  endpoint: string,
  environment: Environment,
): Promise<DockerConnection | FarEngine> {
  const written = afterScheme('docker', endpoint);
  const command = byCommand('docker', written, environment);
  if (command !== undefined) return dockerByCommand(command);
  const tls = tlsByVariables(environment);
  if (written !== '') return readAddress('docker', written, endpoint, { tls });

  const dockerHost = environment['DOCKER_HOST'];
  if (dockerHost !== undefined && dockerHost !== '') {
    const found = await readAddress('docker', dockerHost, `DOCKER_HOST=${dockerHost}`, { tls });
    return { ...found, foundBy: 'DOCKER_HOST' };
  }
  const context = await currentContext(environment);
  if (context === undefined) return localDocker(endpoint, environment);
  // The variables are not about contexts, which have certificates of their own.
  const { name, host, tlsFolder: folder } = context;
  const own =
    folder === undefined ? {} : { tls: { folder, namedBy: `context ${name}`, needsAuthority: false } };
  const found = await readAddress('docker', host, `context ${name}: ${host}`, own);
  return { ...found, foundBy: `context ${name}` };
}

/** The system's socket, unless only a rootless engine of this user has one. */
async function localDocker(endpoint: string, environment: Environment): Promise<DockerConnection> {
  const system = '/var/run/docker.sock';
  const own = inRuntimeFolder(environment, 'docker.sock');
  const isOwn = own !== undefined && !(await exists(system)) && (await exists(own));
  return unixConnection('docker', isOwn ? own : system, endpoint);
}

/** The same for an engine of this machine. Throws `E_ENDPOINT_INVALID`, also for one that is reached over SSH. */
export async function findDocker(endpoint: string, environment: Environment): Promise<DockerConnection> {
  return onThisMachine(await locateDocker(endpoint, environment));
}

/**
 * Reads `podman:` or `podman:unix:///PATH` (`podman:tcp://HOST:PORT`, `podman:ssh://[USER@]HOST` too), or `podman:?command`,
 * `podman:?sudo`, `podman:?as=USER` (see `byCommand`). Plain `podman:` is CONTAINER_HOST, else what CONTAINER_CONNECTION
 * names, else the user's socket `$XDG_RUNTIME_DIR/podman/podman.sock` where there is one, else `/run/podman/podman.sock`
 * where there is that, else the command `podman`: Podman needs no socket, and most machines have none. Throws
 * `E_ENDPOINT_INVALID`.
 */
export async function locatePodman(endpoint: string, environment: Environment): Promise<EnginePlace> {
  const written = afterScheme('podman', endpoint);
  const command = byCommand('podman', written, environment);
  if (command !== undefined) return podmanByCommand(command);
  if (written !== '') return readAddress('podman', written, endpoint);

  const host = environment['CONTAINER_HOST'] ?? '';
  if (host !== '') {
    const key = environment['CONTAINER_SSHKEY'] ?? '';
    const found = await readAddress(
      'podman',
      host,
      `CONTAINER_HOST=${host}`,
      key === '' ? {} : { identity: key },
    );
    return { ...found, foundBy: 'CONTAINER_HOST' };
  }
  const connection = environment['CONTAINER_CONNECTION'] ?? '';
  if (connection !== '') {
    const foundBy = `CONTAINER_CONNECTION=${connection}`;
    const { uri, identity } = await namedConnection(connection, environment);
    return { ...(await readAddress('podman', uri, `${foundBy}: ${uri}`, { identity })), foundBy };
  }
  return localPodman(endpoint, environment);
}

async function localPodman(endpoint: string, environment: Environment): Promise<EngineConnection> {
  const own = inRuntimeFolder(environment, 'podman', 'podman.sock');
  if (own !== undefined && (await exists(own))) return unixConnection('podman', own, endpoint);
  const system = '/run/podman/podman.sock';
  if (!(await exists(system)) && (await findProgram('podman', environment)) !== undefined) {
    const asThisUser = { name: 'podman:?command', argv: ['podman'] as const };
    return podmanByCommand({ ...asThisUser, env: commandEnvironment(environment) });
  }
  return unixConnection('podman', system, endpoint);
}

/** The same for an engine of this machine. Throws `E_ENDPOINT_INVALID`, also for one that is reached over SSH. */
export async function findPodman(endpoint: string, environment: Environment): Promise<EngineConnection> {
  return onThisMachine(await locatePodman(endpoint, environment));
}

function afterScheme(product: 'docker' | 'podman', endpoint: string): string {
  if (endpoint.startsWith(`${product}:`)) return endpoint.slice(product.length + 1);
  const title = product === 'podman' ? 'Podman' : 'Docker';
  throw notAnEngine(product, endpoint, `a ${title} endpoint starts with "${product}:"`);
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
