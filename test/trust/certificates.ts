import { formatPublicKey } from '../../src/trust/public-key.ts';
import { wireString, wireUint32 } from '../../src/core/ssh-keys/wire.ts';
import type { TestKey } from './keys.ts';
import { now } from './fixtures.ts';

/** What stands in a certificate, field by field. */
export interface CertificateParts {
  readonly typeName: string;
  readonly kind: number;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly criticalOptions: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, string>>;
  readonly reserved: string;
  /** The key that the certificate names as its authority. */
  readonly authority: Buffer;
  readonly signature: (signature: Buffer) => Buffer;
  readonly tail: string;
}

export const seconds = (time: Date): bigint => BigInt(Math.floor(time.getTime() / 1000));

/** The key with a certificate of an authority; some parts forged, but signed so that everything else is in order. */
export function certify(key: TestKey, authority: TestKey, changes: Partial<CertificateParts> = {}): TestKey {
  const parts: CertificateParts = {
    typeName: key.type.certificateName,
    kind: 1,
    keyId: 'the builder',
    principals: ['builder'],
    validAfter: seconds(now) - 3600n,
    validBefore: seconds(now) + 3600n,
    criticalOptions: {},
    extensions: { 'permit-pty': '' },
    reserved: '',
    authority: authority.blob,
    signature: (signature) => signature,
    tail: '',
    ...changes,
  };
  const fields = key.blob.subarray(wireString(key.type.name).length);
  const unsigned = Buffer.concat([
    wireString(parts.typeName),
    wireString(Buffer.alloc(32, 9)),
    fields,
    uint64(41n),
    wireUint32(parts.kind),
    wireString(parts.keyId),
    wireString(Buffer.concat(parts.principals.map(wireString))),
    uint64(parts.validAfter),
    uint64(parts.validBefore),
    optionsField(parts.criticalOptions),
    optionsField(parts.extensions),
    wireString(parts.reserved),
    wireString(parts.authority),
  ]);
  const blob = Buffer.concat([
    unsigned,
    wireString(parts.signature(authority.sign(unsigned))),
    Buffer.from(parts.tail),
  ]);
  return { ...key, blob, line: formatPublicKey({ type: parts.typeName, blob }) };
}

function optionsField(options: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(options).map(([name, value]) => {
    const data = value === '' ? wireString('') : wireString(wireString(value));
    return Buffer.concat([wireString(name), data]);
  });
  return wireString(Buffer.concat(pairs));
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
