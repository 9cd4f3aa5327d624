import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto';
import { ecdsaP256, ecdsaP384, ecdsaP521 } from '../../src/core/ssh-keys/ecdsa.ts';
import { ed25519 } from '../../src/core/ssh-keys/ed25519.ts';
import type { KeyType, SoftwareKeyType } from '../../src/core/ssh-keys/key-type.ts';
import { formatPublicKey } from '../../src/trust/public-key.ts';
import { rsa } from '../../src/core/ssh-keys/rsa.ts';
import { skEcdsaP256, skEd25519 } from '../../src/core/ssh-keys/security-key.ts';
import { wireMpint, wireString, wireUint32 } from '../../src/core/ssh-keys/wire.ts';

/** A fresh key with its private half at hand. */
export interface TestKey {
  readonly type: KeyType;
  readonly privateKey: KeyObject;
  /** Of a certified key, the certificate. */
  readonly blob: Buffer;
  /** `ssh-ed25519 AAAA...` */
  readonly line: string;
  /** Algorithm name and signature. */
  readonly sign: (data: Buffer) => Buffer;
}

/**
 * The key goes through PEM: in Node 20, exporting a key object straight from its making as JWK waits for itself for ever
 * when the garbage collector happens to run meanwhile.
 */
function settled(made: KeyObject): { readonly privateKey: KeyObject; readonly jwk: JsonWebKey } {
  const privateKey = createPrivateKey(made.export({ format: 'pem', type: 'pkcs8' }));
  return { privateKey, jwk: createPublicKey(privateKey).export({ format: 'jwk' }) };
}

const field = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');

function softwareKey(
  type: SoftwareKeyType,
  made: KeyObject,
  fieldsOf: (jwk: JsonWebKey) => Buffer[],
): TestKey {
  const { privateKey, jwk } = settled(made);
  const blob = Buffer.concat([wireString(type.name), ...fieldsOf(jwk)]);
  const line = formatPublicKey({ type: type.name, blob });
  return { type, privateKey, blob, line, sign: (data) => type.sign(privateKey, data) };
}

const edFields = ({ x }: JsonWebKey): Buffer[] => [wireString(field(x))];
const pointFields =
  (curve: string) =>
  ({ x, y }: JsonWebKey): Buffer[] => [
    wireString(curve),
    wireString(Buffer.concat([Buffer.of(4), field(x), field(y)])),
  ];

const ecKey = (curve: string): KeyObject => generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
const edKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey;

export const newEd25519 = (): TestKey => softwareKey(ed25519, edKey(), edFields);
export const newP256 = (): TestKey => softwareKey(ecdsaP256, ecKey('prime256v1'), pointFields('nistp256'));
export const newP384 = (): TestKey => softwareKey(ecdsaP384, ecKey('secp384r1'), pointFields('nistp384'));
export const newP521 = (): TestKey => softwareKey(ecdsaP521, ecKey('secp521r1'), pointFields('nistp521'));
export const newRsa = (bits = 2048): TestKey =>
  softwareKey(rsa, generateKeyPairSync('rsa', { modulusLength: bits }).privateKey, ({ e, n }) => [
    wireMpint(field(e)),
    wireMpint(field(n)),
  ]);

/** What a security key says of its user: present is 1, verified is 4. */
export interface SecurityKeySettings {
  readonly flags?: number;
  readonly application?: string;
}

/** A key that acts as if it lay in FIDO hardware. */
function softSecurityKey(
  type: KeyType,
  made: KeyObject,
  fieldsOf: (jwk: JsonWebKey) => Buffer[],
  { flags = 1, application = 'ssh:' }: SecurityKeySettings,
): TestKey {
  const { privateKey, jwk } = settled(made);
  const blob = Buffer.concat([wireString(type.name), ...fieldsOf(jwk), wireString(application)]);
  const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest();
  const flagsAndCounter = Buffer.concat([Buffer.of(flags), wireUint32(7)]);
  return {
    type,
    privateKey,
    blob,
    line: formatPublicKey({ type: type.name, blob }),
    sign: (data) => {
      const signed = Buffer.concat([sha256(application), flagsAndCounter, sha256(data)]);
      const bytes =
        privateKey.asymmetricKeyType === 'ed25519'
          ? sign(null, signed, privateKey)
          : ecNumbersOf(sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
      return Buffer.concat([wireString(type.name), wireString(bytes), flagsAndCounter]);
    },
  };
}

function ecNumbersOf(pair: Buffer): Buffer {
  return Buffer.concat([pair.subarray(0, 32), pair.subarray(32)].map(wireMpint));
}

export const newSkEd25519 = (settings: SecurityKeySettings = {}): TestKey =>
  softSecurityKey(skEd25519, edKey(), edFields, settings);
export const newSkP256 = (settings: SecurityKeySettings = {}): TestKey =>
  softSecurityKey(skEcdsaP256, ecKey('prime256v1'), pointFields('nistp256'), settings);

/** A maker of every type of key. */
export const makers: Readonly<Record<string, () => TestKey>> = {
  Ed25519: newEd25519,
  'P-256': newP256,
  'P-384': newP384,
  'P-521': newP521,
  RSA: newRsa,
  'security key Ed25519': newSkEd25519,
  'security key P-256': newSkP256,
};
