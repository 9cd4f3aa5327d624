import { createHash } from 'node:crypto';
import { PackferryError } from '../core/errors.ts';
import { decodeArmor, encodeArmor } from './armor.ts';
import { quote } from '../core/quote.ts';
import { type Fail, WireReader, wireString, wireUint32 } from '../core/ssh-keys/wire.ts';

const magic = Buffer.from('SSHSIG');
const version = 1;

/** The digests of messages that the format allows. */
export type SshsigHash = 'sha256' | 'sha512';

/** What an SSHSIG file says (OpenSSH, PROTOCOL.sshsig). */
export interface SshSignature {
  /** The signer's public key as an SSH blob. */
  readonly publicKey: Buffer;
  /** What the signature is for: a signature made for one purpose must not serve another. */
  readonly namespace: string;
  readonly hash: SshsigHash;
  /** Algorithm name and signature, as the key type writes them. */
  readonly signature: Buffer;
}

/** The error for the signature file `name`. */
export function invalidSignature(name: string): Fail {
  return (reason) =>
    new PackferryError('E_SIGNATURE_INVALID', `${name}: no acceptable signature: ${reason}`, {
      hint: 'The file was changed or damaged on the way, or was not made for this bundle. Get it again from its signer.',
    });
}

/** The bytes that the key signs: not the message but its hash, bound to the namespace. */
export function signedData(namespace: string, hash: SshsigHash, message: Uint8Array): Buffer {
  const digest = createHash(hash).update(message).digest();
  return Buffer.concat([magic, wireString(namespace), wireString(''), wireString(hash), wireString(digest)]);
}

/** The armored file of a signature. */
export function encodeSshsig({ publicKey, namespace, hash, signature }: SshSignature): string {
  const blob = Buffer.concat([
    magic,
    wireUint32(version),
    wireString(publicKey),
    wireString(namespace),
    wireString(''),
    wireString(hash),
    wireString(signature),
  ]);
  return encodeArmor(blob);
}

/**
 * Reads an armored signature file, stricter than ssh-keygen, which takes version 0, skips the reserved field (it is
 * not signed) and text after the armor. Says nothing about validity. `E_SIGNATURE_INVALID` names the file.
 */
export function decodeSshsig(file: Uint8Array, name: string): SshSignature {
  const fail = invalidSignature(name);
  const reader = new WireReader(decodeArmor(file, fail), fail);
  if (!reader.raw(magic.length, 'the magic').equals(magic)) throw fail('it is no SSHSIG signature');
  const found = reader.uint32('the version');
  if (found !== version) throw fail(`its version is ${found}, not ${version}`);
  const publicKey = reader.string('the public key');
  const namespace = reader.text('the namespace');
  if (namespace === '') throw fail('its namespace is empty');
  if (reader.string('the reserved field').length > 0) throw fail('its reserved field is not empty');
  const hash = reader.text('the hash name');
  if (hash !== 'sha256' && hash !== 'sha512') throw fail(`it uses the hash ${quote(hash)}`);
  const signature = reader.string('the signature');
  reader.end('the signature');
  return { publicKey, namespace, hash, signature };
}
