import type { KeyObject } from 'node:crypto';
import { ecdsaP256 } from './ecdsa.ts';
import { ed25519 } from './ed25519.ts';
import type { KeyType } from './key-type.ts';
import { type Fail, WireReader } from './wire.ts';

const supported: ReadonlyMap<string, KeyType> = new Map(
  [ed25519, ecdsaP256].map((type) => [type.name, type]),
);

/** Types that OpenSSH writes into public key lines and that are not supported here. */
const known: ReadonlySet<string> = new Set([
  'ssh-rsa',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/** For hints: what to use when a key is of another type. */
export const supportedKeyTypes = 'Ed25519 and ECDSA P-256';

/** Is this a type name of a public key line, supported or not? */
export function isKeyTypeName(name: string): boolean {
  return supported.has(name) || known.has(name);
}

/** A public key that is ready to verify. */
export interface LoadedKey {
  readonly type: KeyType;
  readonly key: KeyObject;
}

/** The type name at the start of a public key blob. */
export function typeNameOf(blob: Buffer, fail: Fail): string {
  return new WireReader(blob, fail).text('the key type');
}

/** Reads a public key blob to its last byte; undefined when its type is not supported. */
export function loadPublicKey(blob: Buffer, fail: Fail): LoadedKey | undefined {
  const reader = new WireReader(blob, fail);
  const type = supported.get(reader.text('the key type'));
  if (type === undefined) return undefined;
  const key = type.readKey(reader, fail);
  reader.end('the public key');
  return { type, key };
}
