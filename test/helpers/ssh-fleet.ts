import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { knownName, type Sshd } from './system-sshd.ts';

/** A name under which a server is reached. */
export interface FleetHost {
  readonly name: string;
  /** Default: the one that `writeHosts` is called for. */
  readonly server?: Sshd;
  /** Of 127.0.0.1, where something stands before the server. */
  readonly port?: number;
  /** Another address of the server. */
  readonly address?: string;
  /** Further lines of ssh_config for it. */
  readonly settings?: readonly string[];
}

/** Writes ssh_config and known_hosts for these hosts; returns the options of the command line. */
export async function writeHosts(sshd: Sshd, hosts: readonly FleetHost[]): Promise<readonly string[]> {
  const entries = hosts.map(({ name, server = sshd, port, address = server.host, settings = [] }) => {
    const at = port === undefined ? { host: address, port: server.port } : { host: '127.0.0.1', port };
    const lines = [`Host ${name}`, `HostName ${at.host}`, `Port ${at.port}`, 'User root', ...settings];
    return {
      config: lines.join('\n  '),
      known: server.hostKeys.ed25519.replace(knownName(server), knownName(at)),
    };
  });
  const [file, keys] = [path.join(sshd.home, 'hosts_config'), path.join(sshd.home, 'hosts_keys')];
  await writeFile(file, entries.map(({ config }) => `${config}\n`).join(''));
  await writeFile(keys, [...new Set(entries.map(({ known }) => known))].join(''));
  return ['--ssh-config', file, '--known-hosts', keys, '--identity', sshd.identity];
}
