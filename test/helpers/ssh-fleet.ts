import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sshd } from './system-sshd.ts';

/** A name under which a server is reached. */
export interface FleetHost {
  readonly name: string;
  /** Default: that of the server itself. */
  readonly port?: number;
  /** Further lines of ssh_config for it. */
  readonly settings?: readonly string[];
}

/** Writes ssh_config and known_hosts for these hosts; returns the options of the command line. */
export async function writeHosts(sshd: Sshd, hosts: readonly FleetHost[]): Promise<readonly string[]> {
  const config = hosts.map(({ name, port = sshd.port, settings = [] }) =>
    [`Host ${name}`, 'HostName 127.0.0.1', `Port ${port}`, 'User root', ...settings].join('\n  '),
  );
  const known = hosts.map(({ port = sshd.port }) =>
    sshd.hostKeys.ed25519.replace(`:${sshd.port} `, `:${port} `),
  );
  const [file, keys] = [path.join(sshd.home, 'hosts_config'), path.join(sshd.home, 'hosts_keys')];
  await writeFile(file, `${config.join('\n')}\n`);
  await writeFile(keys, [...new Set(known)].join(''));
  return ['--ssh-config', file, '--known-hosts', keys, '--identity', sshd.identity];
}
