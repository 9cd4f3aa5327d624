import { collect } from '../core/collect.ts';
import { PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { Refusal } from '../core/http-faults.ts';
import { limits } from '../core/limits.ts';
import { noteSecret } from '../core/redact.ts';
import { tokenAnswerSchema } from '../schema/oci.ts';
import { connectionFault } from './connection-fault.ts';
import { basicAuthorization, type Credential } from './credentials/credential.ts';
import { demandIn, type Demand } from './demand.ts';
import { explainDenied } from './denied.ts';
import type { Endpoint, Repository } from './endpoint.ts';
import { untilAborted } from './interrupted.ts';
import type { FilledOptions } from './options.ts';
import { refusalOf } from './refusal.ts';
import { RefusedAccounts } from './refused-accounts.ts';
import { withRetries, type RetryPolicy } from './retry.ts';
import type { Answer, Asked, Transport } from './transport.ts';

type TokenOptions = RetryPolicy & Pick<FilledOptions, 'credentials'>;

/** What one repository wants to be shown, and the last that it was. */
interface Grant {
  readonly demand: Demand;
  /** What was shown last. */
  credential?: Credential | undefined;
  token?: Token;
  /** The request for the next token that is under way: for those who can ask elsewhere, and for those who wait. */
  hurried?: Promise<Token> | undefined;
  patient?: Promise<Token> | undefined;
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
 * What goes into `Authorization`, one per endpoint and repository: a password, or a token that was got with one or
 * anonymously. Parallel requests share one token and one renewal; the renewal belongs to none of them, so that one that
 * is stopped does not take it from the others.
 */
export class Tokens {
  readonly #transport: Transport;
  readonly #options: TokenOptions;
  readonly #lifetime: AbortSignal;
  readonly #grants = new Map<string, Grant>();
  readonly #refused = new RefusedAccounts();

  /** `lifetime` ends the requests for tokens. */
  constructor(transport: Transport, options: TokenOptions, lifetime: AbortSignal) {
    this.#transport = transport;
    this.#options = options;
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
   * Answers a 401: gets what the header `WWW-Authenticate` asks for. `used` is the authorization that was refused;
   * when another request has renewed it meanwhile, that one is returned. Throws `E_SOURCE_DENIED` or `E_CREDENTIALS`.
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
    const grant = known ?? { demand: demandIn(header, repository, what) };
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
    const kind = repository.hurry === true ? 'hurried' : 'patient';
    grant[kind] ??= this.#fetch(grant, repository).finally(() => {
      grant[kind] = undefined;
    });
    const token = await untilAborted(grant[kind], signal, what);
    return token.authorization;
  }

  /** Tells what a registry said to what `authorization` gave for it: whether a password is any good shows only there. */
  note(repository: Repository, { status, elsewhere }: Pick<Answer, 'status' | 'elsewhere'>): void {
    const isRefused = status === 401 && !elsewhere;
    // A registry that is busy or broken has not looked.
    if (!isRefused && (status === 429 || status >= 500)) return;
    const { demand, credential } = this.#grants.get(keyOf(repository)) ?? {};
    if (demand?.scheme !== 'basic' || credential === undefined) return;
    this.#refused.note(repository.endpoint.host, credential, !isRefused);
  }

  /** A refusal by the registry itself, with a hint on the account that was used. */
  async explain(refusal: PackferryError, { endpoint, path, access }: Repository): Promise<PackferryError> {
    if (refusal.code !== 'E_SOURCE_DENIED') return refusal;
    const credential = await this.#options.credentials.find(endpoint.host, path);
    return explainDenied(refusal, endpoint.host, credential, access);
  }

  async #fetch(grant: Grant, repository: Repository): Promise<Token> {
    const { endpoint, path, access } = repository;
    const { demand } = grant;
    const credential = await this.#options.credentials.find(endpoint.host, path);
    const doing = access === 'push' ? 'push to' : 'read';
    const what = `${path === '' ? 'log-in' : `token to ${doing} ${path}`} at ${endpoint.name}`;
    if (credential !== undefined) this.#refused.check(endpoint.host, credential, what);
    grant.credential = credential;
    if (demand.scheme === 'basic') return (grant.token = basicToken(credential, endpoint, path));
    const told = (refusal: PackferryError): PackferryError => {
      const isRefused = refusal.cause instanceof Refusal && refusal.cause.status === 401;
      if (credential !== undefined && isRefused) this.#refused.note(endpoint.host, credential, false);
      return explainDenied(refusal, endpoint.host, credential, access);
    };
    const request = tokenRequest(demand, credential, endpoint, what);
    grant.token = await this.#ask(request, repository.hurry, told);
    if (credential !== undefined) this.#refused.note(endpoint.host, credential, true);
    return grant.token;
  }

  async #ask(
    request: Asked,
    hurry: boolean | undefined,
    explain: (refusal: PackferryError) => PackferryError,
  ): Promise<Token> {
    const { url, what } = request;
    const answer = await withRetries(
      async () => {
        const got = await this.#transport.ask({ ...request, signal: this.#lifetime });
        if (got.status !== 200) throw explain(await refusalOf(got, what));
        return await collect(got.body, limits.tokenAnswer, what).catch((fault: unknown) => {
          throw connectionFault(fault, got.url, what);
        });
      },
      this.#options,
      { host: url.host, what, signal: this.#lifetime, hurry },
    );
    return readToken(answer, url, what);
  }
}

function keyOf({ endpoint, path, access, mountsFrom }: Repository): string {
  return [endpoint.origin, path, access, mountsFrom].join(' ');
}

/** Passwords do not end. */
function basicToken(credential: Credential | undefined, endpoint: Endpoint, path: string): Token {
  if (credential?.kind === 'password') {
    return { authorization: basicAuthorization(credential), renewAt: Infinity };
  }
  const what = `${endpoint.host}${path === '' ? '' : `/${path}`}`;
  if (credential === undefined) {
    throw new PackferryError('E_SOURCE_DENIED', `${what}: ${endpoint.name} wants an account and a password`, {
      hint: `Log in: packferry login ${endpoint.host}`,
    });
  }
  throw new PackferryError(
    'E_SOURCE_DENIED',
    `${what}: ${endpoint.name} wants a password, and ${credential.from} has an identity token for it`,
    { hint: `Log in with a password: packferry login ${endpoint.host}` },
  );
}

/**
 * The request for a token. With a password it is a GET (distribution project, "Token Authentication Specification"),
 * with an identity token a POST ("OAuth2 Token Authentication").
 */
function tokenRequest(
  { realm, service, scopes }: Demand & { scheme: 'bearer' },
  credential: Credential | undefined,
  { origin, host, name }: Endpoint,
  what: string,
): Asked {
  const asked = service === undefined ? {} : { service };
  // An account is not shown in plain where the registry itself is spoken to encrypted; not on this very machine either.
  if (credential !== undefined && origin.startsWith('https:') && realm.protocol !== 'https:') {
    throw new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${what}: ${name} wants the account sent to ${realm.host} in plain`,
      {
        hint: 'The registry is misconfigured: its token service must have an https:// address.',
      },
    );
  }
  const registry = { url: new URL(origin), host };
  if (credential?.kind === 'identity') {
    noteSecret(credential.token);
    const grant = { grant_type: 'refresh_token', refresh_token: credential.token, client_id: 'packferry' };
    // Several scopes are one list here (OAuth2, section 3.3), and each a parameter below.
    const scope = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
    return { url: realm, registry, form: new URLSearchParams({ ...grant, ...asked, ...scope }), what };
  }
  const url = new URL(realm);
  for (const [key, value] of Object.entries(asked)) url.searchParams.set(key, value);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  return {
    ...{ url, registry, what },
    ...(credential === undefined ? {} : { authorization: basicAuthorization(credential) }),
  };
}

/** The answer of the token service. No error quotes it: it may hold a token. */
function readToken(bytes: Buffer, realm: URL, what: string): Token {
  const answer = tokenAnswerSchema.safeParse(parseQuietly(bytes, what));
  const token = answer.success ? (answer.data.token ?? answer.data.access_token ?? '') : '';
  noteSecret(token);
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
