import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { proofIf, readSignature, type SoftwareKeyType, writeSignature } from './key-type.ts';
import type { Fail, WireReader } from './wire.ts';

const name = 'ssh-ed25519';
const keySize = 32;
const signatureSize = 64;

/** Ed25519 (RFC 8709). Signing is deterministic: the same key and message always give the same bytes. */
export const ed25519: SoftwareKeyType = {
  name,
  certificateName: 'ssh-ed25519-cert-v01@openssh.com',
  readKey(reader, fail) {
    const key = readEd25519Key(reader, fail);
    return (signature, data, failSignature) => {
      const bytes = readSignature(signature, name, failSignature);
      return proofIf(verifyEd25519(key, bytes, data, failSignature));
    };
  },
  sign: (key, data) => writeSignature(name, sign(null, data, key)),
};

export function readEd25519Key(reader: WireReader, fail: Fail): KeyObject {
  const point = reader.string('the Ed25519 key');
  if (point.length !== keySize) throw fail(`its Ed25519 key has ${point.length} bytes, not ${keySize}`);
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') },
    format: 'jwk',
  });
}

export function verifyEd25519(key: KeyObject, bytes: Buffer, data: Buffer, fail: Fail): boolean {
  if (bytes.length !== signatureSize)
    throw fail(`its Ed25519 signature has ${bytes.length} bytes, not ${signatureSize}`);
  // OpenSSL refuses S + L, a second spelling of the same signature that ssh-keygen before 10.4 accepts.
  return verify(null, data, key, bytes);
}
