import { PackferryError } from '../core/errors.ts';
import { parseChallenges } from './challenge.ts';
import type { Repository } from './endpoint.ts';
import { refuseDowngrade } from './transport.ts';

/** How a registry wants to be shown who asks. */
export type Demand =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      /** The address of the token service. */
      readonly realm: URL;
      readonly service: string | undefined;
      /** Empty when only the account itself is to be checked. */
      readonly scopes: readonly string[];
    };

/**
 * Reads the `WWW-Authenticate` of a 401; a token is preferred to a password in every request. Throws `E_SOURCE_DENIED`
 * for other schemes, `E_SOURCE_PROTOCOL` for a token service that cannot be asked.
 */
export function demandIn(header: string, repository: Repository, what: string): Demand {
  const { endpoint } = repository;
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters;
  if (bearer === undefined) {
    if (challenges.some(({ scheme }) => scheme === 'basic')) return { scheme: 'basic' };
    const asked = challenges.map(({ scheme }) => scheme).join(', ');
    throw new PackferryError(
      'E_SOURCE_DENIED',
      `${what}: ${endpoint.name} wants a log-in${asked === '' ? '' : ` (${asked})`}`,
      { hint: 'Only the log-ins Basic and Bearer are supported. Name a mirror that serves the images.' },
    );
  }
  const realm = bearer.get('realm') ?? '';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new PackferryError('E_SOURCE_PROTOCOL', `${what}: ${endpoint.name} names no usable token service`);
  }
  refuseDowngrade(new URL(endpoint.origin), url, what);
  return { scheme: 'bearer', realm: url, service: bearer.get('service'), scopes: scopesOf(repository) };
}

function scopesOf({ path, access, mountsFrom }: Repository): string[] {
  if (path === '') return [];
  const own = `repository:${path}:${access === 'push' ? 'pull,push' : 'pull'}`;
  return mountsFrom === undefined ? [own] : [own, `repository:${mountsFrom}:pull`];
}
