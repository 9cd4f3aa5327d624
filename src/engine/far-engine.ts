import { PackferryError } from '../core/errors.ts';
import { parseSshEndpoint, type SshEndpoint } from './ssh-endpoint.ts';

/** An engine on another machine, as the settings of an engine's own client name it. */
export interface FarEngine {
  readonly kind: 'ssh';
  /** What it is for this program. */
  readonly endpoint: SshEndpoint;
  /** The variable, context or connection that named it; absent: as written. */
  readonly foundBy?: string;
}

/**
 * Reads `ssh://[USER@]HOST[:PORT][/SOCKET]`, as docker's and podman's clients have it (docker/cli, `cli/connhelper/ssh`;
 * podman, `pkg/bindings/connection.go`). `source` says who named it, without the user; `identity` is the key file that
 * goes with it. Throws `E_ENDPOINT_INVALID`.
 */
export function farEngine(
  product: 'docker' | 'podman',
  url: string,
  source: string,
  identity?: string,
): FarEngine {
  const [, where, path = '/'] = /^ssh:\/\/([^/?#]+)(\/[^?#]*)?$/s.exec(url) ?? [];
  if (where === undefined) {
    throw new PackferryError(
      'E_ENDPOINT_INVALID',
      `${source}: the client of ${product} takes ssh://[USER@]HOST[:PORT][/SOCKET] only`,
      { hint: `Mend it, or write the engine as an endpoint: ${parts}.` },
    );
  }
  const socket = path === '/' ? '' : `&socket=${path.replaceAll('&', '%26').replaceAll('=', '%3D')}`;
  try {
    const endpoint = parseSshEndpoint(`//${where}?engine=${product}${socket}`);
    return { kind: 'ssh', endpoint: identity === undefined ? endpoint : { ...endpoint, identity } };
  } catch (fault) {
    throw fault instanceof PackferryError ? fault.with(`${source}: ${fault.message}`) : fault;
  }
}

const parts = "'ssh://[USER@]HOST[:PORT]?engine=docker', or podman there, with &socket=/PATH";

/** For who can use engines of this machine only. Throws `E_ENDPOINT_INVALID` for one on another machine. */
export function onThisMachine<T extends { readonly kind: string }>(found: T | FarEngine): T {
  if (!isFar(found)) return found;
  const { endpoint, foundBy } = found;
  const by = foundBy === undefined ? '' : ` (by ${foundBy})`;
  throw new PackferryError('E_ENDPOINT_INVALID', `${endpoint.name}${by}: this engine is on another machine`, {
    hint: `It is an endpoint of its own: '${endpoint.name}'.`,
  });
}

/** Is it on another machine, to be reached over SSH? */
export function isFar(found: { readonly kind: string }): found is FarEngine {
  return found.kind === 'ssh';
}
