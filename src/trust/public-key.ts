import { createHash } from 'node:crypto';
import { decodeBase64 } from '../core/base64.ts';
import { isKeyTypeName } from '../core/ssh-keys/key-types.ts';
import { loadPublicKey, type LoadedKey, typeNameOf } from '../core/ssh-keys/loaded-key.ts';
import type { Fail } from '../core/ssh-keys/wire.ts';

/** A public key as it stands in `.pub` files and in allowed_signers. */
export interface PublicKey {
  /** For instance `ssh-ed25519`. */
  readonly type: string;
  readonly blob: Buffer;
  readonly comment: string;
}

/** The fingerprint that `ssh-keygen -l` prints: `SHA256:` and 43 characters of base64. Of a certificate, give the plain key. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** `ssh-ed25519 AAAA...`, without a comment. */
export function formatPublicKey(key: Pick<PublicKey, 'type' | 'blob'>): string {
  return `${key.type} ${key.blob.toString('base64')}`;
}

/** A public key or certificate as text, and ready to verify. */
export interface ReadPublicKey extends PublicKey {
  readonly loaded: LoadedKey;
}

/** Reads `TYPE BASE64 [COMMENT]`, a key or a certificate, and checks it to the last byte. */
export function parsePublicKey(text: string, fail: Fail): ReadPublicKey {
  const [, type = '', base64 = '', comment = ''] = /^(\S+)(?:[ \t]+(\S+))?(?:[ \t]+(.*))?$/.exec(text) ?? [];
  if (!isKeyTypeName(type)) throw fail('there is no public key of a known type');
  const blob = decodeBase64(base64);
  if (blob === undefined) throw fail('the public key is no proper base64');
  const inKey: Fail = (reason) => fail(`the public key is malformed: ${reason}`);
  if (typeNameOf(blob, inKey) !== type) throw inKey(`inside, it is not of type ${type}`);
  const loaded = loadPublicKey(blob, inKey);
  return { type, blob, comment: comment.trim(), loaded };
}
