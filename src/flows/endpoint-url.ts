import { PackferryError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import { isRegistryHost } from '../core/reference.ts';

/** Everything that may stand before the colon of an endpoint URL. */
const schemes = ['registry', 'docker', 'podman', 'oci', 'bundle', 'docker-archive', 'ssh'] as const;

export type Scheme = (typeof schemes)[number];

/** An endpoint URL taken apart; what stands behind the scheme is not checked yet. */
export interface EndpointUrl<S extends Scheme = Scheme> {
  /** As it was written. */
  readonly url: string;
  readonly scheme: S;
  /** What follows the colon. */
  readonly rest: string;
}

/** What an endpoint is wanted for: the schemes that do, and how they are written. */
export interface EndpointRole<S extends Scheme> {
  /** `source` or `target`, for messages. */
  readonly noun: string;
  readonly schemes: readonly S[];
  /** A sentence for the hint. */
  readonly examples: string;
}

/** Takes an endpoint URL apart. Throws `E_ENDPOINT_INVALID` for what cannot play the role, with a guess at what was meant. */
export function parseEndpointUrl<S extends Scheme>(url: string, role: EndpointRole<S>): EndpointUrl<S> {
  const [, written = '', rest = ''] = /^([a-z][a-z-]*):(.*)$/is.exec(url) ?? [];
  const scheme = role.schemes.find((one) => one === written);
  if (scheme !== undefined) return { url, scheme, rest };
  const isKnown = schemes.some((one) => one === written);
  const near = isKnown || written === '' ? undefined : nearestName(written, role.schemes);
  const meant = near === undefined ? registryMeant(url, role.schemes) : `${near}:${rest}`;
  const guess = meant === undefined ? '' : `Did you mean ${meant}? `;
  const what = `${JSON.stringify(url)} is no ${role.noun}`;
  const message = isKnown ? `${what} that this version of packferry can use` : what;
  throw new PackferryError('E_ENDPOINT_INVALID', message, { hint: `${guess}${role.examples}` });
}

/** The registry that somebody means who writes its web address, or its host alone: one with a dot, a port or a path. */
function registryMeant(url: string, schemes: readonly Scheme[]): string | undefined {
  const [, host] = /^(?:https?:\/\/)?([^/]*[.:][^/]*|localhost)(?:\/|$)/i.exec(url) ?? [];
  if (host === undefined || !isRegistryHost(host) || !schemes.includes('registry')) return undefined;
  return `registry://${url.replace(/^https?:\/\//i, '').replace(/\/$/, '')}`;
}
