import { connect } from 'node:net';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { execOk } from './system-exec.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools, type Need } from './system-tools.ts';

/** What tests with Kerberos need; `kdb5_util` is a neighbour of `krb5kdc`. */
export const kerberosNeeds: readonly Need[] = ['krb5kdc', 'kdb5_util', 'kadmin.local', 'kinit'];

/** A realm of its own, `PACKFERRY.TEST`, with one user, `root`, and one host, 127.0.0.1. Nothing of the machine's counts. */
export interface Kerberos extends Service {
  /** What the server of a host, and whoever has a ticket or none, needs in the environment. */
  readonly environment: Readonly<Record<'KRB5_CONFIG' | 'KRB5_KTNAME' | 'KRB5CCNAME', string>>;
  /** Gets the user a ticket. */
  readonly login: () => Promise<void>;
}

/** Calls `use` with a realm whose key distribution centre is stopped afterwards. */
export async function withKerberos<T>(use: (kerberos: Kerberos) => Promise<T>): Promise<T> {
  return usingService(await startKerberos(), use);
}

async function startKerberos(): Promise<Kerberos> {
  const folder = await serviceFolder('krb5');
  const at = (name: string): string => path.join(folder, name);
  const port = await freePort();
  const realm = 'PACKFERRY.TEST';
  // No name of this realm is asked of DNS, and hosts are called what the user calls them.
  await writeFile(
    at('krb5.conf'),
    `[libdefaults]
  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  ${realm} = {
    kdc = 127.0.0.1:${port}
  }
[domain_realm]
  127.0.0.1 = ${realm}
`,
  );
  await writeFile(
    at('kdc.conf'),
    `[kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = 127.0.0.1:${port}
[realms]
  ${realm} = {
    database_name = ${at('principal')}
    key_stash_file = ${at('stash')}
    acl_file = ${at('acl')}
  }
[logging]
  kdc = FILE:${at('kdc.log')}
`,
  );
  const environment = {
    KRB5_CONFIG: at('krb5.conf'),
    KRB5_KTNAME: `FILE:${at('host.keytab')}`,
    KRB5CCNAME: `FILE:${at('ticket')}`,
  };
  const [kdc, kinit, util, admin] = (['krb5kdc', 'kinit', 'kdb5_util', 'kadmin.local'] as const).map((tool) =>
    systemTools().path(tool),
  ) as [string, string, string, string];
  const env = { ...process.env, ...environment, KRB5_KDC_PROFILE: at('kdc.conf') };
  await execOk(util, ['create', '-r', realm, '-s', '-P', 'of this test only'], { env });
  const asks = ['addprinc -randkey root', 'addprinc -randkey host/127.0.0.1'];
  const keytabs = [`ktadd -k ${at('root.keytab')} root`, `ktadd -k ${at('host.keytab')} host/127.0.0.1`];
  await execOk(admin, ['-r', realm], { env, input: [...asks, ...keytabs, ''].join('\n') });
  const service = await startService({
    name: 'krb5kdc',
    command: 'env',
    args: [
      ...[`KRB5_CONFIG=${env.KRB5_CONFIG}`, `KRB5_KDC_PROFILE=${env.KRB5_KDC_PROFILE}`],
      ...[kdc, '-n', '-r', realm],
    ],
    folder,
    isReady: () => answers(port),
  });
  return {
    ...service,
    environment,
    login: async () => {
      await execOk(kinit, ['-k', '-t', at('root.keytab'), 'root'], { env });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => socket.destroy());
    socket.once('error', () => undefined);
    socket.once('close', (isFault) => resolve(!isFault));
  });
}
