import {
  certificateTime,
  parseCertificate,
  type Certificate,
  type UncheckedCertificate,
} from '../core/ssh-keys/certificate.ts';
import { certifiedTypeOf } from '../core/ssh-keys/key-types.ts';
import { loadPlainKey } from '../core/ssh-keys/loaded-key.ts';
import { WireReader, type Fail } from '../core/ssh-keys/wire.ts';
import { PackferryError } from '../core/errors.ts';
import { plainWords } from '../core/plain-words.ts';
import { quote } from '../core/quote.ts';
import { someOf } from '../core/some-of.ts';
import { describeKey, keyTypeOf, type HostKey } from './host-key.ts';

/** What an authority says of the key that a host has shown. */
export interface HostCertificate {
  /** The key that it is about; the host proves that it holds this one. */
  readonly key: HostKey;
  readonly certificate: Certificate;
  /** For people. */
  readonly account: string;
  /** Signed with SHA-1, which proves nothing today: OpenSSH takes it for no certificate, either. */
  readonly isSignedBySha1: boolean;
}

/**
 * Reads a certificate that a host has shown and checks that its authority has signed it; undefined for a plain key. Whose
 * authority that is, and whether the certificate fits host and time, is not judged here. `name` is `ssh://HOST`. Throws
 * `E_HOST_KEY_UNKNOWN` for what no authority has made: OpenSSH goes no further there, either.
 */
export function readHostCertificate(blob: Buffer, name: string): HostCertificate | undefined {
  const fail = malformedCertificate(name);
  const read = parseHostCertificate(blob, fail);
  if (read === undefined) return undefined;
  const { plain, certificate, signature, signed } = read;
  const isSignedBySha1 = new WireReader(signature, fail).text('the algorithm name') === 'ssh-rsa';
  const inAuthority: Fail = (reason) => fail(`its authority: ${reason}`);
  const authority = loadPlainKey(certificate.authority, inAuthority);
  if (!isSignedBySha1 && authority.verify(signature, signed, inAuthority) === undefined)
    throw fail('it was not signed by the authority that it names');
  const key = { type: keyTypeOf(plain) ?? 'unknown', blob: plain };
  const account = `certificate ${quoted([certificate.keyId])}, serial ${certificate.serial}, of the authority ${describeKey(certificate.authority)}`;
  return { key, certificate, account, isSignedBySha1 };
}

/** The errors for a certificate that no authority can have made. `name` is `ssh://HOST`. */
export function malformedCertificate(name: string): Fail {
  return (reason) =>
    new PackferryError(
      'E_HOST_KEY_UNKNOWN',
      `${name}: the host shows a certificate that is none: ${reason}`,
      {
        hint: 'Somebody may pose as this host. Ask those who run it; "ssh-keygen -Lf" shows there what its HostCertificate holds.',
      },
    );
}

/** The blob of the key that a certificate is about; of a plain key, that key. Nothing is checked but its form. */
export function plainKeyOf(blob: Buffer, fail: Fail): Buffer {
  return parseHostCertificate(blob, fail)?.plain ?? blob;
}

function parseHostCertificate(blob: Buffer, fail: Fail): UncheckedCertificate | undefined {
  const type = certifiedTypeOf(keyTypeOf(blob) ?? '');
  return type === undefined ? undefined : parseCertificate(blob, type, fail);
}

/**
 * Why a certificate of a known authority does not stand for a host, in the words after "it"; undefined when it does. The rules and their order
 * are those of OpenSSH's `sshkey_cert_check_host`: names have to be the same, without wildcards; one for no name at all
 * is for every host; no critical option is known.
 */
export function unfitnessOf(
  { certificate, isSignedBySha1 }: HostCertificate,
  hostName: string,
  now: Date,
): string | undefined {
  const { use, validAfter, validBefore, principals, criticalOptions } = certificate;
  if (use !== 'host') return 'is one of a user';
  const second = BigInt(Math.floor(now.getTime() / 1000));
  if (second < validAfter) return `is valid only from ${certificateTime(validAfter)} on`;
  if (second >= validBefore) return `was valid until ${certificateTime(validBefore)}`;
  if (principals.length > 0 && !principals.includes(hostName))
    return `is for ${quoted(principals)}, not for ${quote(hostName)}`;
  if (criticalOptions.length > 0) return `has critical options that nobody knows: ${quoted(criticalOptions)}`;
  if (isSignedBySha1) return 'is signed with SHA-1';
  return undefined;
}

/** What a certificate says, which may be anything, for messages. */
function quoted(texts: readonly string[]): string {
  return someOf(texts.map((text) => quote(text === '' ? text : plainWords(text))));
}
