import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import type { Certificate } from './registry-certificate.ts';
import { freePort } from './free-port.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools } from './system-tools.ts';
import { tokenNames } from './token-service.ts';

/** A private registry (the distribution project's) on 127.0.0.1. Needs `docker-registry`. */
export interface DockerRegistry extends Service {
  /** Host and port, e.g. `127.0.0.1:40123`. */
  readonly host: string;
  /** Where it keeps its blobs. */
  readonly storage: string;
}

export interface RegistryOptions {
  /** Serve what another registry keeps there. Default: an empty folder. */
  readonly storage?: string;
  /** Want `guardedAccount` with every request. */
  readonly guarded?: boolean;
  /** Want tokens that this service issues, signed with the key of this certificate. */
  readonly tokens?: { readonly realm: string; readonly certificate: Certificate };
  /** Take nothing. */
  readonly readOnly?: boolean;
  /** Speak HTTPS. */
  readonly certificate?: Certificate;
  /** Want a certificate of this authority (PEM) from every client. */
  readonly clientAuthority?: string;
}

/** The one account that a guarded registry knows. */
export const guardedAccount = { username: 'soc', password: 's3cr3t-canary' };
/** The same as `htpasswd -nbB` writes it: bcrypt is the only hash that the registry takes, and Node has none. */
const htpasswd = 'soc:$2y$05$packferrytestsaltabcdu4m0eCbDxUM29MEqXQMmA7nRTa2aSJUu\n';

/** Starts a registry. The caller has to `stop` it. */
export async function startDockerRegistry(options: RegistryOptions = {}): Promise<DockerRegistry> {
  const { guarded = false, certificate, clientAuthority, tokens } = options;
  const folder = await serviceFolder('registry');
  const at = (name: string): string => path.join(folder, name);
  const storage = options.storage ?? at('storage');
  await mkdir(storage, { recursive: true });
  if (guarded) await writeFile(at('htpasswd'), htpasswd);
  if (certificate !== undefined) {
    await writeFile(at('certificate.pem'), certificate.pem);
    await writeFile(at('key.pem'), certificate.key);
  }
  if (clientAuthority !== undefined) await writeFile(at('clients.pem'), clientAuthority);
  if (tokens !== undefined) await writeFile(at('tokens.pem'), tokens.certificate.pem);
  const host = `127.0.0.1:${await freePort()}`;
  const config = path.join(folder, 'config.json');
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      storage: {
        filesystem: { rootdirectory: storage },
        ...(options.readOnly === true ? { maintenance: { readonly: { enabled: true } } } : {}),
      },
      ...(guarded ? { auth: { htpasswd: { realm: 'packferry test', path: at('htpasswd') } } } : {}),
      ...(tokens === undefined
        ? {}
        : { auth: { token: { realm: tokens.realm, ...tokenNames, rootcertbundle: at('tokens.pem') } } }),
      http: {
        addr: host,
        secret: 'only for tests',
        ...(certificate === undefined
          ? {}
          : {
              tls: {
                certificate: at('certificate.pem'),
                key: at('key.pem'),
                ...(clientAuthority === undefined ? {} : { clientcas: [at('clients.pem')] }),
              },
            }),
      },
    }),
  );
  const service = await startService({
    name: 'docker-registry',
    command: systemTools().path('docker-registry'),
    args: ['serve', config],
    folder,
    isReady: async () => (certificate === undefined ? answersAt(host) : listensAt(host)),
  });
  return { ...service, host, storage };
}

/** Calls `use` with a private registry that is stopped afterwards. */
export async function withDockerRegistry<T>(
  use: (registry: DockerRegistry) => Promise<T>,
  options: RegistryOptions = {},
): Promise<T> {
  return usingService(await startDockerRegistry(options), use);
}

async function answersAt(host: string): Promise<boolean> {
  const { status } = await fetch(`http://${host}/v2/`, { signal: AbortSignal.timeout(5000) });
  return status === 200 || status === 401;
}

async function listensAt(host: string): Promise<boolean> {
  const [address = '', port = ''] = host.split(':');
  const socket = connect(Number(port), address);
  await once(socket, 'connect');
  socket.destroy();
  return true;
}
