import type { Emit } from '../core/events.ts';
import { connectEngine, type EngineConnection } from '../engine/connect-engine.ts';
import { findDocker, findPodman } from '../engine/docker-connection.ts';
import type { Engine } from '../engine/engine.ts';
import { sshTarget, type SshAccess } from '../engine/ssh-access.ts';
import { parseSshEndpoint, type SshEndpoint } from '../engine/ssh-endpoint.ts';
import { parseEndpointUrl, type EndpointRole } from './endpoint-url.ts';

export interface EngineAccess {
  /** The variables by which the engines' own clients are configured. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How machines are reached over SSH; absent where none may be. */
  readonly ssh?: SshAccess;
  readonly emit: Emit;
}

export interface EngineEndpointOptions extends EngineAccess {
  readonly signal: AbortSignal;
}

/** Where an engine is: on another machine, or here, to be found as its own client finds it. */
export type EnginePlace =
  | { readonly far: SshEndpoint }
  | {
      readonly far?: undefined;
      readonly find: (environment: EngineAccess['environment']) => Promise<EngineConnection>;
    };

const role: EndpointRole<'docker' | 'podman' | 'ssh'> = {
  noun: 'engine',
  schemes: ['docker', 'podman', 'ssh'],
  examples:
    'Engines are docker:, podman:, either with unix:///PATH, ?sudo or ?as=USER, and ssh://[USER@]HOST.',
};

/** Milliseconds that an engine has to say what it is. */
export const answerWithin = 30_000;

/** Reads the endpoint URL of an engine; touches nothing. Throws `E_ENDPOINT_INVALID`. */
export function parseEngine(url: string): EnginePlace {
  const { scheme, rest } = parseEndpointUrl(url, role);
  if (scheme === 'ssh') return { far: parseSshEndpoint(rest) };
  const find = scheme === 'docker' ? findDocker : findPodman;
  return { find: (environment) => find(url, environment) };
}

/** Reaches the engine at a place. Throws what connecting throws. */
export function reachEngine(place: EnginePlace, options: EngineEndpointOptions): Promise<EngineConnection> {
  const { environment, ssh, emit, signal } = options;
  return place.far === undefined ? place.find(environment) : sshTarget(place.far, { ssh, emit, signal });
}

/** Opens the engine at an endpoint URL; the caller closes it. Throws `E_ENDPOINT_INVALID`, and what connecting throws. */
export async function openEngine(url: string, options: EngineEndpointOptions): Promise<Engine> {
  return connectEngine(await reachEngine(parseEngine(url), options), answerWithin, options.signal);
}
