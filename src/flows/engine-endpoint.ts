import type { Emit } from '../core/events.ts';
import { connectEngine } from '../engine/connect-engine.ts';
import { findDocker, findPodman } from '../engine/docker-connection.ts';
import type { Engine } from '../engine/engine.ts';
import { sshTarget, type SshAccess } from '../engine/ssh-access.ts';
import { parseSshEndpoint } from '../engine/ssh-endpoint.ts';
import { parseEndpointUrl, type EndpointRole } from './endpoint-url.ts';

export interface EngineEndpointOptions {
  /** The variables by which the engines' own clients are configured. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How machines are reached over SSH; absent where none may be. */
  readonly ssh?: SshAccess;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const role: EndpointRole<'docker' | 'podman' | 'ssh'> = {
  noun: 'engine',
  schemes: ['docker', 'podman', 'ssh'],
  examples:
    'Engines are docker:, podman:, either with unix:///PATH, ?sudo or ?as=USER, and ssh://[USER@]HOST.',
};

/** Milliseconds that an engine has to say what it is. */
const answerWithin = 30_000;

/** Opens the engine at an endpoint URL; the caller closes it. Throws `E_ENDPOINT_INVALID`, and what connecting throws. */
export async function openEngine(url: string, options: EngineEndpointOptions): Promise<Engine> {
  const { environment, ssh, emit, signal } = options;
  const { scheme, rest } = parseEndpointUrl(url, role);
  if (scheme === 'ssh') {
    const connection = await sshTarget(parseSshEndpoint(rest), { ssh, emit, signal });
    return connectEngine(connection, answerWithin, signal);
  }
  const connection = await (scheme === 'docker' ? findDocker : findPodman)(url, environment);
  return connectEngine(connection, answerWithin, signal);
}
