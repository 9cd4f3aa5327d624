import path from 'node:path';
import process from 'node:process';
import { readProxyVariables, type Network } from '../core/proxy.ts';
import { authFilePlaces, type AuthFilePlace } from '../registry/credentials/places.ts';
import { readCertificates } from './certificate-file.ts';
import type { Context } from './context.ts';
import type { PatienceOptions } from './registry-options.ts';

/** Options of every command that asks registries. */
export interface RegistryOptions {
  readonly authfile?: string;
  readonly rewrite?: readonly string[];
  readonly plainHttp?: readonly string[];
  readonly caFile?: string;
}

/** What a command may say of the network; options that it does not take are absent. */
export interface NetworkOptions extends RegistryOptions, Partial<PatienceOptions> {
  /** How much is asked for at the same time. */
  readonly jobs?: number;
}

/**
 * The proxy of the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the authorities of `--ca-file`, SSL_CERT_FILE and
 * NODE_EXTRA_CA_CERTS; how patient the user is. Throws `E_USAGE` for what cannot be used.
 */
export async function networkOf({ env }: Context, options: NetworkOptions): Promise<Network> {
  const { caFile } = options;
  const ca: string[] = [];
  const [system, extra] = [env['SSL_CERT_FILE'] ?? '', env['NODE_EXTRA_CA_CERTS'] ?? ''];
  if (caFile !== undefined) ca.push(await readCertificates(caFile, '--ca-file', 'E_USAGE'));
  if (system !== '') ca.push(await readCertificates(system, 'the variable SSL_CERT_FILE:', 'E_USAGE'));
  // Node knows these already, but not for connections that get other authorities, too. It has warned of a bad file.
  if (extra !== '') {
    const certificates = await readCertificates(extra, '', 'E_USAGE').catch(() => undefined);
    if (certificates !== undefined) ca.push(certificates);
  }
  return { proxy: readProxyVariables(env), ca, ...patienceOf(options) };
}

function patienceOf({ retries, maxWait, timeout }: NetworkOptions): Partial<Network> {
  const silence = timeout === undefined ? undefined : timeout * 1000;
  return {
    ...(retries === undefined ? {} : { retries }),
    ...(maxWait === undefined ? {} : { maxWait: maxWait * 1000 }),
    ...(silence === undefined ? {} : { timeouts: { headers: silence, body: silence } }),
  };
}

/** The files of accounts, as the user's options and environment have them. */
export function authFilesOf(
  { env, home }: Pick<Context, 'env' | 'home'>,
  { authfile }: RegistryOptions,
): AuthFilePlace[] {
  // Not by userInfo, which fails for a user without an account entry.
  const uid = process.getuid?.();
  return authFilePlaces({ environment: env, home, uid, authFile: authfile });
}

/** Where podman, skopeo and docker look for certificates of registries (containers-certs.d(5)). */
export function certificateFoldersOf({ home }: Pick<Context, 'home'>): string[] {
  const own = path.join(home, '.config', 'containers', 'certs.d');
  return [own, '/etc/containers/certs.d', '/etc/docker/certs.d'];
}
