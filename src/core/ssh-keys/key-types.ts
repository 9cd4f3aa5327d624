import { ecdsaP256, ecdsaP384, ecdsaP521 } from './ecdsa.ts';
import { ed25519 } from './ed25519.ts';
import type { KeyType, SoftwareKeyType } from './key-type.ts';
import { rsa } from './rsa.ts';
import { skEcdsaP256, skEd25519 } from './security-key.ts';

const software: readonly SoftwareKeyType[] = [ed25519, ecdsaP256, ecdsaP384, ecdsaP521, rsa];
const types: readonly KeyType[] = [...software, skEd25519, skEcdsaP256];

const byName: ReadonlyMap<string, KeyType> = new Map(types.map((type) => [type.name, type]));
const byCertificate: ReadonlyMap<string, KeyType> = new Map(
  types.map((type) => [type.certificateName, type]),
);
const softwareByName: ReadonlyMap<string, SoftwareKeyType> = new Map(
  software.map((type) => [type.name, type]),
);

/** For hints: what to use when a key is of another type. */
export const supportedKeyTypes = 'Ed25519, ECDSA, RSA and security keys, and certificates of these';

/** The type of a plain key. */
export function keyTypeOf(name: string): KeyType | undefined {
  return byName.get(name);
}

/** The type of the key in a certificate. */
export function certifiedTypeOf(name: string): KeyType | undefined {
  return byCertificate.get(name);
}

/** The type of a private key that can be used without hardware. */
export function softwareTypeOf(name: string): SoftwareKeyType | undefined {
  return softwareByName.get(name);
}

/** Is this the type name of a public key line, or of a certificate? */
export function isKeyTypeName(name: string): boolean {
  return byName.has(name) || byCertificate.has(name);
}
