import path from 'node:path';
import type { Command } from '../export/measure.ts';
import type { Engine } from '../import/engines.ts';
import { engineCommand, quoted } from './engine-command.ts';
import type { Access, Host } from './hosts.ts';

export interface ScpTask {
  readonly saver: Engine;
  readonly references: readonly string[];
  readonly hosts: readonly Pick<Host, 'access' | 'engine'>[];
  /** The home of the run. */
  readonly home: string;
}

/**
 * `podman image scp`, which takes one image at a time. It knows hosts by the known_hosts of its user, and connections by
 * containers.conf; the key named there Podman 4 does not use (podman issue 22067), so an agent has it.
 */
export function scpCommand({ saver, references, hosts, home }: ScpTask): Command {
  const [first] = hosts;
  if (first === undefined) throw new Error('no host');
  const { identity, knownHosts } = first.access;
  const settings = path.join(home, 'containers.conf');
  const copies = hosts.flatMap((_, at) =>
    references.map((reference) =>
      quoted(scp(saver, reference, at, settings, [home, path.dirname(identity)])),
    ),
  );
  const lines = [
    'set -e',
    'mkdir -p "$HOME/.ssh"',
    `${quoted(['cp', knownHosts])} "$HOME/.ssh/known_hosts"`,
    `${quoted(['printf', '%s\\n', ...connections(hosts)])} > ${quoted([settings])}`,
    quoted(['ssh-add', '-q', identity]),
    ...copies,
  ];
  return ['ssh-agent', 'sh', '-c', lines.join('\n')];
}

function scp(
  saver: Engine,
  reference: string,
  host: number,
  settings: string,
  folders: readonly string[],
): Command {
  const [program, ...words] = engineCommand(
    saver,
    ['image', 'scp', '--quiet', reference, `host${host}::`],
    folders,
  );
  const key = 'CONTAINERS_CONF=';
  return [program, ...words.map((word) => (word.startsWith(key) ? `${key}${settings}` : word))];
}

/** Lines of containers.conf. */
function connections(
  hosts: readonly { readonly access: Access; readonly engine: Pick<Engine, 'socket'> }[],
): string[] {
  return hosts.flatMap(({ access: { port, identity }, engine }, at) => [
    `[engine.service_destinations.host${at}]`,
    `uri = "ssh://root@127.0.0.1:${port}${engine.socket}"`,
    `identity = "${identity}"`,
  ]);
}
