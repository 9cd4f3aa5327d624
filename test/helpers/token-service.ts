import { sign } from 'node:crypto';
import type { Certificate } from './registry-certificate.ts';
import { startScripted, type ScriptedServer } from './registry-scripted.ts';

/** Who a real registry believes its tokens of. */
export const tokenNames = { service: 'registry.example', issuer: 'packferry test' };

export interface TokenService extends ScriptedServer {
  /** Every token so far, as `Authorization` has it. */
  readonly issued: readonly string[];
  /** What was asked for each time, e.g. `repository:a/b:pull`. */
  readonly scopes: readonly (readonly string[])[];
  /** From now on tokens live for so many seconds, whatever the answers say of it. */
  readonly liveFor: (seconds: number) => void;
}

/**
 * A token service for a docker-registry that trusts `certificate` (distribution project, "Token Authentication
 * Implementation"): signed JSON web tokens for what is asked for, as far as that is allowed, to who shows `account` as `USER:PASSWORD`.
 */
export async function startTokenService(
  certificate: Certificate,
  account: string,
  mayDo: (action: string, name: string) => boolean = () => true,
): Promise<TokenService> {
  const expected = `Basic ${Buffer.from(account).toString('base64')}`;
  let life = 300;
  const issued: string[] = [];
  const scopes: string[][] = [];
  const server = await startScripted(({ path, authorization }, response) => {
    if (authorization !== expected) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"details":"who are you?"}');
      return;
    }
    const asked = new URL(path, 'http://tokens').searchParams.getAll('scope');
    scopes.push(asked);
    const access = asked.map((scope) => {
      const [type = '', name = '', actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',').filter((action) => mayDo(action, name)) };
    });
    const now = Math.floor(Date.now() / 1000);
    const token = tokenOf(certificate, {
      ...{ iss: tokenNames.issuer, aud: tokenNames.service, sub: 'soc', jti: String(Math.random()) },
      // Registries look the other way for a minute.
      ...{ iat: now - 600, nbf: now - 600, exp: now - 60 + life },
      access,
    });
    issued.push(`Bearer ${token}`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token, expires_in: 300 }));
  });
  return {
    ...server,
    issued,
    scopes,
    liveFor: (seconds) => {
      life = seconds;
    },
  };
}

function tokenOf({ pem, key }: Certificate, claims: unknown): string {
  const der = pem.replace(/-----[^-]+-----|\s/g, '');
  const head = { typ: 'JWT', alg: 'ES256', x5c: [der] };
  const text = [head, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}
