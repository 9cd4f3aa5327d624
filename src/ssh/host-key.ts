import { createHash } from 'node:crypto';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { certificateAlgorithms } from './certificate-algorithms.ts';

/** The public key of a host. */
export interface HostKey {
  /** As in known_hosts, e.g. `ssh-ed25519`. */
  readonly type: string;
  /** The wire form (RFC 4253 section 6.6). */
  readonly blob: Buffer;
}

/** The name of the type is the first string of a key's wire form; undefined when that is not so. */
export function keyTypeOf(blob: Buffer): string | undefined {
  if (blob.length < 4) return undefined;
  const length = blob.readUInt32BE(0);
  if (length === 0 || length > 64 || 4 + length > blob.length) return undefined;
  const type = blob.toString('latin1', 4, 4 + length);
  return /^[a-z0-9@.-]+$/.test(type) ? type : undefined;
}

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/**
 * Host key algorithms by the type of key, best first. SHA-1 signatures (`ssh-rsa`) and DSA are left out, as OpenSSH does
 * since 8.8.
 */
const algorithms: readonly (readonly [type: string, names: readonly ServerHostKeyAlgorithm[]])[] = [
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']],
];

/** Host key algorithms to ask for, best first. */
export interface Offer {
  /** Those that ssh2 knows. */
  readonly plain: readonly ServerHostKeyAlgorithm[];
  /** The whole list, with those of certificates. */
  readonly all: readonly string[];
}

/**
 * What to ask a host for: keys of the known types first, or else a host with several keys would look changed. Certificates
 * come before everything where a known authority may certify the host; where they matter only because they could be
 * revoked, each with the keys of its type; else not at all. OpenSSH asks in this order, and always for certificates.
 */
export function algorithmsFor(
  knownTypes: ReadonlySet<string>,
  certificates: 'first' | 'also' | 'no' = 'no',
): Offer {
  const known = algorithms.filter(([type]) => knownTypes.has(type));
  const others = algorithms.filter(([type]) => !knownTypes.has(type));
  const certified = (types: typeof algorithms): readonly string[] =>
    types.flatMap(([type]) =>
      certificateAlgorithms.flatMap(({ keyType, name }) => (keyType === type ? [name] : [])),
    );
  const names = (types: typeof algorithms): readonly ServerHostKeyAlgorithm[] =>
    types.flatMap(([, plain]) => plain);
  const plain = [...names(known), ...names(others)];
  const orders = {
    first: () => [...certified(algorithms), ...plain],
    also: () => [known, others].flatMap((types) => [...certified(types), ...names(types)]),
    no: () => plain,
  };
  return { plain, all: orders[certificates]() };
}

/** Type and fingerprint, for people. */
export function describeKey(blob: Buffer): string {
  return `${keyTypeOf(blob) ?? 'unknown'} ${fingerprintOf(blob)}`;
}
