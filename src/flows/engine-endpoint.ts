import type { Emit } from '../core/events.ts';
import { connectEngine, type EngineConnection } from '../engine/connect-engine.ts';
import { locateDocker, locatePodman, type EnginePlace } from '../engine/docker-connection.ts';
import type { Engine } from '../engine/engine.ts';
import { isFar } from '../engine/far-engine.ts';
import { sshTarget, type SshAccess } from '../engine/ssh-access.ts';
import { parseSshEndpoint } from '../engine/ssh-endpoint.ts';
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

/** Finds out where an engine is, as its own client would. Throws `E_ENDPOINT_INVALID`. */
export type Locate = (environment: EngineAccess['environment']) => Promise<EnginePlace>;

const role: EndpointRole<'docker' | 'podman' | 'ssh'> = {
  noun: 'engine',
  schemes: ['docker', 'podman', 'ssh'],
  examples:
    'Engines are docker:, podman:, either with unix:///PATH, ?sudo or ?as=USER, and ssh://[USER@]HOST.',
};

/** Milliseconds that an engine has to say what it is. */
export const answerWithin = 30_000;

/** Reads the endpoint URL of an engine; touches nothing. Throws `E_ENDPOINT_INVALID`. */
export function parseEngine(url: string): Locate {
  const { scheme, rest } = parseEndpointUrl(url, role);
  return engineAt(scheme, rest);
}

/** The same for the parts of a URL. */
export function engineAt(scheme: 'docker' | 'podman' | 'ssh', rest: string): Locate {
  if (scheme === 'ssh') {
    const far = { kind: 'ssh', endpoint: parseSshEndpoint(rest) } as const;
    return () => Promise.resolve(far);
  }
  const locate = scheme === 'docker' ? locateDocker : locatePodman;
  return (environment) => locate(`${scheme}:${rest}`, environment);
}

/** Is the engine on another machine, reached over SSH? Throws `E_ENDPOINT_INVALID`. */
export async function isOverSsh(url: string, environment: EngineAccess['environment']): Promise<boolean> {
  return url.startsWith('ssh:') || isFar(await parseEngine(url)(environment));
}

/** Reaches an engine. Throws `E_ENDPOINT_INVALID`, and what connecting throws. */
export async function reachEngine(
  locate: Locate,
  { environment, ssh, emit, signal }: EngineEndpointOptions,
): Promise<EngineConnection> {
  const place = await locate(environment);
  return isFar(place) ? sshTarget(place.endpoint, { ssh, emit, signal }) : place;
}

/** Opens the engine at an endpoint URL; the caller closes it. Throws `E_ENDPOINT_INVALID`, and what connecting throws. */
export async function openEngine(url: string, options: EngineEndpointOptions): Promise<Engine> {
  return connectEngine(await reachEngine(parseEngine(url), options), answerWithin, options.signal);
}
