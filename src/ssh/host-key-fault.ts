import { PackferryError } from '../core/errors.ts';
import { describeKey, keyTypeOf } from './host-key.ts';
import { knownHostsName, type HostKeyVerdict, type HostName } from './known-hosts.ts';

/** A certificate that does not stand for the host. */
export interface UselessCertificate {
  /** For people. */
  readonly account: string;
  /** The blob of the key of its authority. */
  readonly authority: Buffer;
  /** In the words after "it"; undefined where nobody knows the authority. */
  readonly unfitness: string | undefined;
}

/** The error for a key that must never be taken. `name` is `ssh://HOST`. */
export function revokedKey(name: string, place: string, shown: string): PackferryError {
  return new PackferryError(
    'E_HOST_KEY_REVOKED',
    `${name}: the host shows a key that is revoked at ${place}: ${shown}`,
    { hint: 'Somebody may pose as this host. Do not connect; ask those who run it.' },
  );
}

/** The error for a host that is known by other keys. */
export function changedKey(
  name: string,
  shown: string,
  host: HostName,
  { types, place }: HostKeyVerdict & { readonly verdict: 'changed' },
  useless: UselessCertificate | undefined,
): PackferryError {
  const certificate = useless === undefined ? '' : `. ${whyUseless(useless)}`;
  return new PackferryError(
    'E_HOST_KEY_CHANGED',
    `${name}: THE HOST SHOWS ANOTHER KEY THAN THE KNOWN ONE: ${shown}; known are ${types.join(', ')}, first at ${place}${certificate}. Nothing was sent to it`,
    {
      hint: `Somebody may pose as this host. Ask those who run it whether its key has changed; only then remove the old one: ssh-keygen -R '${knownHostsName(host)}', and add the new one.`,
    },
  );
}

export interface UnknownHost {
  readonly name: string;
  readonly shown: string;
  readonly host: HostName;
  /** Where it would be added. */
  readonly file: string | undefined;
  /** An authority may certify it. */
  readonly hasAuthority: boolean;
  readonly useless: UselessCertificate | undefined;
}

/** The error for a host that is in no file. */
export function unknownHost(unknown: UnknownHost): PackferryError {
  const { name, shown, host, file, useless } = unknown;
  const port = host.port === undefined || host.port === 22 ? '' : `-p ${host.port} `;
  const add = `ssh-keyscan ${port}${host.name} >> ${file ?? 'FILE'}`;
  const certificate = useless === undefined ? '' : `. ${whyUseless(useless)}`;
  return new PackferryError(
    'E_HOST_KEY_UNKNOWN',
    `${name}: the host is unknown, no known_hosts file has its key: ${shown}${certificate}. Nothing was sent to it`,
    {
      hint: `Compare the fingerprint with what "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" (or the file of that type) says on the machine itself; then run "${add}" and compare again, or give --accept-new once.${certificateHint(unknown)}`,
    },
  );
}

/** Why a certificate does not make its host known. */
export function whyUseless({ account, unfitness }: UselessCertificate): string {
  return `Its ${account}, does not help: ${unfitness === undefined ? 'no known_hosts file has that authority for it' : `it ${unfitness}`}`;
}

function certificateHint({ host, file, hasAuthority, useless }: UnknownHost): string {
  if (useless === undefined) {
    return hasAuthority
      ? ' A line with @cert-authority is about it, but it showed no certificate: is there a HostCertificate in its sshd_config?'
      : '';
  }
  if (useless.unfitness !== undefined)
    return ' Or have its authority certify it anew: ssh-keygen -s CA -h -I NAME -n NAME -V +52w KEY.pub; and check the clock here.';
  const type = keyTypeOf(useless.authority) ?? 'TYPE';
  return ` Or, if ${describeKey(useless.authority)} is the authority of your hosts, add to ${file ?? 'FILE'} the line: @cert-authority ${knownHostsName(host)} ${type} ${useless.authority.toString('base64')}`;
}
