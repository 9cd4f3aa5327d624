import { PackferryError } from '../core/errors.ts';
import { Refusal } from '../core/http-faults.ts';
import { challengeOf } from './challenge.ts';
import type { Credential } from './credentials/credential.ts';
import { endpointAt } from './endpoint.ts';
import { HostWaits } from './host-waits.ts';
import { fillOptions, type RegistrySourceOptions } from './options.ts';
import { refusalOf } from './refusal.ts';
import { withRetries } from './retry.ts';
import { Tokens } from './tokens.ts';
import { discard, Transport, type Answer } from './transport.ts';

/**
 * Shows an account to a registry. Returns whether the registry wanted one at all. Throws `E_SOURCE_DENIED` when it does
 * not accept it, or with another code of the "source unavailable" family.
 */
export async function checkAccount(
  host: string,
  account: { readonly username: string; readonly password: string },
  options: Omit<RegistrySourceOptions, 'credentials'>,
  signal: AbortSignal,
): Promise<boolean> {
  const credential: Credential = { kind: 'password', ...account, from: 'what you typed' };
  const filled = fillOptions({ ...options, credentials: { find: () => Promise.resolve(credential) } });
  const endpoint = endpointAt(host, filled.registries);
  const repository = { endpoint, path: '' };
  const what = `log-in at ${host}`;
  const transport = new Transport(filled);
  const { retries, retryDelay, maxWait, emit, credentials } = filled;
  const policy = { retries, retryDelay, maxWait, waits: new HostWaits(maxWait, emit) };
  const tokens = new Tokens(transport, { ...policy, credentials }, signal);
  const ask = async (authorization?: string): Promise<Answer> =>
    withRetries(
      async () => {
        const url = new URL('/v2/', endpoint.origin);
        const answer = await transport.ask({ url, host, authorization, what, signal });
        if (answer.status === 200 || answer.status === 401) return answer;
        throw await refusalOf(answer, what);
      },
      policy,
      { host, what, signal },
    );
  try {
    const first = await ask();
    await discard(first);
    if (first.status === 200) return false;
    const authorization = await tokens.renew(repository, challengeOf(first), undefined, what, signal);
    const second = await ask(authorization);
    if (second.status !== 200) throw await refusalOf(second, what);
    await discard(second);
    return true;
  } catch (fault) {
    throw fault instanceof PackferryError ? denied(host, fault) : fault;
  } finally {
    await transport.close();
  }
}

/** A refusal of the account; faults of other kinds, also what a proxy refuses, stay as they are. */
function denied(host: string, error: PackferryError): PackferryError {
  const { code, message, cause } = error;
  if (code !== 'E_SOURCE_DENIED' || !(cause instanceof Refusal)) return error;
  return new PackferryError(code, message, {
    hint: `${host} does not accept this account. Nothing was stored. Some registries want an access token instead of the password.`,
    cause,
  });
}
