import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { readHostCertificate, unfitnessOf } from './host-certificate.ts';
import {
  changedKey,
  revokedKey,
  unknownHost,
  whyUseless,
  type UselessCertificate,
} from './host-key-fault.ts';
import { algorithmsFor, describeKey, keyTypeOf, type HostKey, type Offer } from './host-key.ts';
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
  return hostKeyAlias === undefined
    ? { name: hostName, port }
    : { name: hostKeyAlias.toLowerCase(), port: undefined };
}

/** Which algorithms the host is to be asked for. */
export function offerFor({ settings, known }: Pick<HostCheckOptions, 'settings' | 'known'>): Offer {
  const host = hostNameOf(settings);
  const isRevoking = known.isMarked('revoked', host);
  const certificates = known.isMarked('cert-authority', host) ? 'first' : isRevoking ? 'also' : 'no';
  return algorithmsFor(known.typesOf(host), certificates);
}

/**
 * Decides on the key or certificate that a host has shown, before anything is told to the host. Resolves when it is the
 * known one, with how that is known, for people. Throws `E_HOST_KEY_UNKNOWN`, `E_HOST_KEY_CHANGED`, `E_HOST_KEY_REVOKED`,
 * or `E_SSH_CONFIG` when a new host cannot be written down.
 *
 * As OpenSSH does: where a certificate does not stand for the host, the key in it counts like one that was shown without.
 */
export async function checkHostKey(blob: Buffer, options: HostCheckOptions): Promise<string> {
  const { name, settings, known, emit } = options;
  const certificate = readHostCertificate(blob, name);
  if (certificate === undefined)
    return checkPlainKey({ type: keyTypeOf(blob) ?? 'unknown', blob }, undefined, options);
  const host = hostNameOf(settings);
  const { key, account } = certificate;
  const { authority } = certificate.certificate;
  for (const revocable of [key.blob, authority]) {
    const place = known.placeOf('revoked', host, revocable);
    if (place !== undefined) throw revokedKey(name, place, `${describeKey(revocable)} in ${account}`);
  }
  const place = known.placeOf('cert-authority', host, authority);
  if (place === undefined) return checkPlainKey(key, { account, authority, unfitness: undefined }, options);
  const unfitness = unfitnessOf(certificate, settings.hostKeyAlias ?? settings.hostName, new Date());
  if (unfitness === undefined) return `${describeKey(key.blob)} is certified: ${account}, at ${place}`;
  const how = await checkPlainKey(key, { account, authority, unfitness }, options);
  emit({
    type: 'note',
    level: 'warning',
    message: `${name}: the host is known by its own key only: its ${account} ${unfitness}`,
  });
  return how;
}

/** `useless`: the certificate that the host has shown its key in. */
async function checkPlainKey(
  key: HostKey,
  useless: UselessCertificate | undefined,
  { name, settings, known, acceptNew, emit }: HostCheckOptions,
): Promise<string> {
  const host = hostNameOf(settings);
  const shown = describeKey(key.blob);
  const verdict = known.judge(host, key);
  switch (verdict.verdict) {
    case 'known':
      return `${shown} is the known one`;
    case 'revoked':
      throw revokedKey(name, verdict.place, shown);
    case 'changed':
      throw changedKey(name, shown, host, verdict, useless);
    case 'unknown':
      break;
  }
  const [file] = settings.userKnownHosts;
  if (!acceptNew) {
    const hasAuthority = known.isMarked('cert-authority', host);
    throw unknownHost({ name, shown, host, file, hasAuthority, useless });
  }
  if (file === undefined) {
    throw new PackferryError('E_SSH_CONFIG', `${name}: there is no known_hosts file to add the host to`, {
      hint: 'Name one: --known-hosts FILE.',
    });
  }
  await addKnownHost(file, knownHostsName(host), key, settings.hashKnownHosts);
  const not = useless === undefined ? '' : `, the key alone: ${whyUseless(useless)}`;
  emit({ type: 'note', level: 'warning', message: `${name}: new host, added to ${file}: ${shown}${not}` });
  return `${shown} is new`;
}
