import type { Emit } from '../../core/events.ts';
import type { ImageSource, ImageTarget } from '../../core/ports.ts';
import { connectEngine, type EngineConnection } from '../../engine/connect-engine.ts';
import { findDocker, findPodman } from '../../engine/docker-connection.ts';
import { openDockerTarget } from '../../engine/docker-target.ts';
import { openEngineSource } from '../../engine/engine-source.ts';
import type { Engine } from '../../engine/engine.ts';
import { sshTarget, type SshAccess } from '../../engine/ssh-access.ts';
import { parseSshEndpoint } from '../../engine/ssh-endpoint.ts';
import { parseEndpointUrl, type EndpointRole } from '../endpoint-url.ts';
import type { HostEndpoint } from '../hosts/endpoints.ts';

export interface EngineAccess {
  /** The variables by which the engines' own clients are configured. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How machines are reached over SSH; absent where none may be. */
  readonly ssh?: SshAccess;
  readonly emit: Emit;
}

/** An engine that is known but has not been touched. */
export interface FoundEngine {
  readonly host: HostEndpoint;
  readonly open: (signal: AbortSignal) => Promise<Engine>;
  /** The same to take images from. `spoolDir` is for what has to be unpacked before it can be read. */
  readonly openSource: (spoolDir: string, signal: AbortSignal) => Promise<ImageSource>;
  /** The same to bring images there. */
  readonly openTarget: (signal: AbortSignal) => Promise<ImageTarget>;
}

const role: EndpointRole<'docker' | 'podman' | 'ssh'> = {
  noun: 'engine',
  schemes: ['docker', 'podman', 'ssh'],
  examples:
    'Engines are docker:, podman:, either with unix:///PATH, ?sudo or ?as=USER, and ssh://[USER@]HOST.',
};

/** Milliseconds that an engine may take to say what it is. */
const answerWithin = 30_000;

/** Reads the endpoint of an engine; touches nothing. Throws `E_ENDPOINT_INVALID`. */
export function findEngine(host: HostEndpoint, access: EngineAccess): FoundEngine {
  const { environment, ssh, emit } = access;
  const { scheme, rest } = parseEndpointUrl(host.url, role);
  const endpoint = scheme === 'ssh' ? parseSshEndpoint(rest) : undefined;
  const find = scheme === 'podman' ? findPodman : findDocker;
  const connect = (signal: AbortSignal): Promise<EngineConnection> =>
    endpoint === undefined ? find(host.url, environment) : sshTarget(endpoint, { ssh, emit, signal });
  return {
    host,
    open: async (signal) => connectEngine(await connect(signal), answerWithin, signal),
    openSource: async (spoolDir, signal) =>
      openEngineSource(await connect(signal), { spoolDir, emit, signal }),
    openTarget: async (signal) => openDockerTarget(await connect(signal), { signal }),
  };
}
