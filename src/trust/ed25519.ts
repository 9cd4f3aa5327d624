import { createPublicKey, sign, verify } from 'node:crypto';
import { type KeyType, readSignature, writeSignature } from './key-type.ts';

const name = 'ssh-ed25519';
const keySize = 32;
const signatureSize = 64;

/** Ed25519 (RFC 8709). Signing is deterministic: the same key and message always give the same bytes. */
export const ed25519: KeyType = {
  name,
  readKey(reader, fail) {
    const point = reader.string('the Ed25519 key');
    if (point.length !== keySize) throw fail(`its Ed25519 key has ${point.length} bytes, not ${keySize}`);
    return createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') },
      format: 'jwk',
    });
  },
  sign: (key, data) => writeSignature(name, sign(null, data, key)),
  verify(key, signature, data, fail) {
    const bytes = readSignature(signature, name, fail);
    if (bytes.length !== signatureSize)
      throw fail(`its Ed25519 signature has ${bytes.length} bytes, not ${signatureSize}`);
    // OpenSSL refuses S + L, a second spelling of the same signature that ssh-keygen before 10.4 accepts.
    return verify(null, data, key, bytes);
  },
};
