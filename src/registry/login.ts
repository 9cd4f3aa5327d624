import { PackferryError } from '../core/errors.ts';
import { Refusal } from '../core/http-faults.ts';
import type { Credential } from './credentials/credential.ts';
import type { RegistrySourceOptions } from './options.ts';
import { probeRegistry } from './probe.ts';

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
  const credentials = { find: () => Promise.resolve(credential) };
  try {
    const { wantsAccount } = await probeRegistry(
      host,
      { ...options, credentials },
      { what: `log-in at ${host}`, signal },
    );
    return wantsAccount;
  } catch (fault) {
    throw fault instanceof PackferryError ? denied(host, fault) : fault;
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
