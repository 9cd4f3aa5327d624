import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { describeKey, keyTypeOf, type HostKey } from './host-key.ts';
import { addKnownHost } from './known-hosts-append.ts';
import { knownHostsName, type HostName, type KnownHosts } from './known-hosts.ts';
import type { HostSettings } from './settings.ts';

export interface HostCheckOptions {
  /** For messages: `ssh://HOST`. */
  readonly name: string;
  readonly settings: HostSettings;
  readonly known: KnownHosts;
  /** A host that no file knows is added to the user's first file. Never for one that is known by another key. */
  readonly acceptNew: boolean;
  readonly emit: Emit;
}

/** The name under which a host stands in known_hosts. */
export function hostNameOf({ hostKeyAlias, hostName, port }: HostSettings): HostName {
  return hostKeyAlias === undefined ? { name: hostName, port } : { name: hostKeyAlias, port: undefined };
}

/**
 * Decides on the key that a host has shown, before anything is told to the host. Resolves when it is the known one.
 * Throws `E_HOST_KEY_UNKNOWN`, `E_HOST_KEY_CHANGED`, `E_HOST_KEY_REVOKED`, or `E_SSH_CONFIG` when a new host cannot be
 * written down.
 */
export async function checkHostKey(blob: Buffer, options: HostCheckOptions): Promise<void> {
  const { name, settings, known, acceptNew, emit } = options;
  const host = hostNameOf(settings);
  const type = keyTypeOf(blob) ?? 'unknown';
  const key: HostKey = { type, blob };
  const shown = describeKey(blob);
  const verdict = known.judge(host, key);
  switch (verdict.verdict) {
    case 'known':
      return;
    case 'revoked':
      throw new PackferryError(
        'E_HOST_KEY_REVOKED',
        `${name}: the host shows a key that is revoked at ${verdict.place}: ${shown}`,
        { hint: 'Somebody may pose as this host. Do not connect; ask those who run it.' },
      );
    case 'changed':
      throw new PackferryError(
        'E_HOST_KEY_CHANGED',
        `${name}: THE HOST SHOWS ANOTHER KEY THAN THE KNOWN ONE: ${shown}; known are ${verdict.types.join(', ')}, first at ${verdict.place}. Nothing was sent to it`,
        {
          hint: `Somebody may pose as this host. Ask those who run it whether its key has changed; only then remove the old one: ssh-keygen -R '${knownHostsName(host)}', and add the new one.`,
        },
      );
    case 'unknown':
      break;
  }
  const [file] = settings.userKnownHosts;
  if (!acceptNew) throw unknownHost(name, shown, host, file, verdict.hasAuthority);
  if (file === undefined) {
    throw new PackferryError('E_SSH_CONFIG', `${name}: there is no known_hosts file to add the host to`, {
      hint: 'Name one: --known-hosts FILE.',
    });
  }
  await addKnownHost(file, knownHostsName(host), key, settings.hashKnownHosts);
  const message = `${name}: new host, added to ${file}: ${shown}`;
  emit({ type: 'note', level: 'warning', message });
}

function unknownHost(
  name: string,
  shown: string,
  host: HostName,
  file: string | undefined,
  hasAuthority: boolean,
): PackferryError {
  const port = host.port === undefined || host.port === 22 ? '' : `-p ${host.port} `;
  const authority = hasAuthority
    ? ' A line with @cert-authority is about it, but the client in packferry knows no host certificates: let ssh itself connect, --ssh-command ssh, or add the own key of the host.'
    : '';
  const add = `ssh-keyscan ${port}${host.name} >> ${file ?? 'FILE'}`;
  return new PackferryError(
    'E_HOST_KEY_UNKNOWN',
    `${name}: the host is unknown, no known_hosts file has its key: ${shown}. Nothing was sent to it`,
    {
      hint: `Compare the fingerprint with what "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" (or the file of that type) says on the machine itself; then run "${add}" and compare again, or give --accept-new once.${authority}`,
    },
  );
}
