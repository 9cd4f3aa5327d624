import { collect } from '../core/collect.ts';
import { PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { tokenAnswerSchema } from '../schema/oci.ts';
import { parseChallenges } from './challenge.ts';
import { connectionFault } from './connection-fault.ts';
import type { Repository } from './endpoint.ts';
import { untilAborted } from './interrupted.ts';
import { refusalOf } from './refusal.ts';
import { withRetries, type RetryPolicy } from './retry.ts';
import { refuseDowngrade, type Transport } from './transport.ts';

/** Where tokens for one repository come from, and the last one. */
interface Grant {
  readonly realm: URL;
  token?: Token;
  /** The request for the next token that is under way. */
  pending?: Promise<Token>;
}

interface Token {
  readonly authorization: string;
  /** When to get the next one, in milliseconds of the monotonic clock. */
  readonly renewAt: number;
}

/** The distribution project's token specification: a token that names no life span lives one minute. */
const defaultLife = 60;
/** Tokens are renewed when this part of their life is over, so that they do not end under way. */
const usefulLife = 0.75;

/**
 * Anonymous bearer tokens, one per endpoint and repository. Parallel requests share one token and one renewal; the
 * renewal belongs to none of them, so that one that is stopped does not take it from the others.
 */
export class Tokens {
  readonly #transport: Transport;
  readonly #policy: RetryPolicy;
  readonly #lifetime: AbortSignal;
  readonly #grants = new Map<string, Grant>();

  /** `lifetime` ends the requests for tokens. */
  constructor(transport: Transport, policy: RetryPolicy, lifetime: AbortSignal) {
    this.#transport = transport;
    this.#policy = policy;
    this.#lifetime = lifetime;
  }

  /** What to send as `Authorization`; undefined as long as the repository has not asked for anything. */
  async authorization(
    repository: Repository,
    what: string,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const grant = this.#grants.get(keyOf(repository));
    if (grant === undefined) return undefined;
    return this.#current(grant, repository, what, signal);
  }

  /**
   * Answers a 401: gets a token as the header `WWW-Authenticate` says. `used` is the authorization that was refused;
   * when another request has renewed it meanwhile, that one is returned. Throws `E_SOURCE_DENIED`.
   */
  async renew(
    repository: Repository,
    header: string,
    used: string | undefined,
    what: string,
    signal?: AbortSignal,
  ): Promise<string> {
    const key = keyOf(repository);
    const known = this.#grants.get(key);
    const grant = known ?? { realm: realmOf(repository, header, what) };
    this.#grants.set(key, grant);
    if (grant.token?.authorization === used) delete grant.token;
    return this.#current(grant, repository, what, signal);
  }

  async #current(
    grant: Grant,
    repository: Repository,
    what: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    if (grant.token !== undefined && performance.now() < grant.token.renewAt) {
      return grant.token.authorization;
    }
    grant.pending ??= this.#fetch(grant, repository).finally(() => {
      delete grant.pending;
    });
    const token = await untilAborted(grant.pending, signal, what);
    return token.authorization;
  }

  async #fetch(grant: Grant, { endpoint, path }: Repository): Promise<Token> {
    const what = `token to read ${path} at ${endpoint.name}`;
    const answer = await withRetries(
      async () => {
        const got = await this.#transport.get({
          url: grant.realm,
          what,
          signal: this.#lifetime,
        });
        if (got.status !== 200) throw await refusalOf(got, what);
        return await collect(got.body, limits.tokenAnswer, what).catch((fault: unknown) => {
          throw connectionFault(fault, got.url, what);
        });
      },
      this.#policy,
      what,
      this.#lifetime,
    );
    const token = readToken(answer, grant.realm, what);
    grant.token = token;
    return token;
  }
}

function keyOf({ endpoint, path }: Repository): string {
  return `${endpoint.origin} ${path}`;
}

/** The address of the token service, ready to be asked. */
function realmOf({ endpoint, path }: Repository, header: string, what: string): URL {
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters;
  if (bearer === undefined) {
    const asked = challenges.map(({ scheme }) => scheme).join(', ');
    throw new PackferryError(
      'E_SOURCE_DENIED',
      `${what}: ${endpoint.name} wants a log-in${asked === '' ? '' : ` (${asked})`}`,
      { hint: 'Images that need a log-in cannot be read. Name a mirror that serves them without.' },
    );
  }
  const realm = bearer.get('realm') ?? '';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new PackferryError('E_SOURCE_PROTOCOL', `${what}: ${endpoint.name} names no usable token service`);
  }
  refuseDowngrade(new URL(endpoint.origin), url, what);
  const service = bearer.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', `repository:${path}:pull`);
  return url;
}

/** The answer of the token service. No error quotes it: it may hold a token. */
function readToken(bytes: Buffer, realm: URL, what: string): Token {
  const answer = tokenAnswerSchema.safeParse(parseQuietly(bytes, what));
  const token = answer.success ? (answer.data.token ?? answer.data.access_token ?? '') : '';
  if (!answer.success || !/^[\x21-\x7e]+$/.test(token)) {
    throw new PackferryError('E_SOURCE_PROTOCOL', `${what}: ${realm.host} sends no usable token`);
  }
  const life = (answer.data.expires_in ?? defaultLife) * 1000;
  return { authorization: `Bearer ${token}`, renewAt: performance.now() + life * usefulLife };
}

function parseQuietly(bytes: Buffer, name: string): unknown {
  try {
    return parseStrictJson(bytes, { name, maxBytes: limits.tokenAnswer });
  } catch {
    return undefined;
  }
}
