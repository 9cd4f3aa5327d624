import { PackferryError } from '../core/errors.ts';
import { isRegistryHost } from '../core/reference.ts';
import { canonicalHost } from '../registry/credentials/auth-key.ts';
import type { HelperOptions } from '../registry/credentials/helper.ts';
import type { AuthFilePlace } from '../registry/credentials/places.ts';
import { removeAccount, storeAccount } from '../registry/credentials/store.ts';
import { checkAccount } from '../registry/login.ts';
import type { RegistrySourceOptions } from '../registry/options.ts';
import { reportVersion } from '../schema/reports.ts';
import type { LoginReport, LogoutReport } from '../schema/reports-login.ts';

export interface LogoutOptions {
  /** `HOST[:PORT]`. */
  readonly registry: string;
  /** The files that may hold accounts, in order. */
  readonly places: readonly AuthFilePlace[];
  /** The variables that credential helpers get. */
  readonly environment: HelperOptions['environment'];
  readonly signal: AbortSignal;
}

export interface LoginOptions extends LogoutOptions {
  readonly username: string;
  readonly password: string;
  /** How the registry is reached. */
  readonly source: Omit<RegistrySourceOptions, 'credentials'>;
}

/**
 * Shows an account to a registry and stores it when it is accepted. Throws `E_SOURCE_DENIED` when it is not, `E_USAGE`
 * for one that cannot be sent, `E_CREDENTIALS` when it cannot be stored.
 */
export async function login(options: LoginOptions): Promise<LoginReport> {
  const { username, password, places, source, environment, signal } = options;
  const host = hostOf(options.registry);
  // RFC 7617: everything up to the first colon is the name.
  if (username === '' || username.includes(':')) {
    throw new PackferryError('E_USAGE', `${JSON.stringify(username)} is no user name for a registry`);
  }
  if (password === '') {
    throw new PackferryError('E_USAGE', 'the password is empty', {
      hint: 'Type it when it is asked for, or give it on standard input: --password-stdin < FILE',
    });
  }
  const account = { username, password };
  const checked = await checkAccount(host, account, source, signal);
  const storedIn = await storeAccount(places, host, account, { environment, signal });
  return { schemaVersion: reportVersion, registry: host, username, checked, storedIn };
}

/** Removes what is stored for a registry. Throws `E_CREDENTIALS`. */
export async function logout({
  registry,
  places,
  environment,
  signal,
}: LogoutOptions): Promise<LogoutReport> {
  const host = hostOf(registry);
  const removedFrom = await removeAccount(places, host, { environment, signal });
  return { schemaVersion: reportVersion, registry: host, removedFrom };
}

function hostOf(text: string): string {
  if (isRegistryHost(text)) return canonicalHost(text);
  throw new PackferryError('E_USAGE', `${JSON.stringify(text)} is no registry host`, {
    hint: 'Write it as HOST[:PORT], without https:// and without a path, for instance registry.example:5000.',
  });
}
