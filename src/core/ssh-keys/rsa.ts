import { constants, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { proofIf, type SoftwareKeyType, writeSignature } from './key-type.ts';
import { quote } from '../quote.ts';
import { type Fail, WireReader } from './wire.ts';

/** The signature algorithms of RSA keys (RFC 8332). The key type's own name stands for SHA-1, which is never taken. */
const hashes: ReadonlyMap<string, string> = new Map([
  ['rsa-sha2-256', 'sha256'],
  ['rsa-sha2-512', 'sha512'],
]);

/** In bits: NIST SP 800-131A disallows less for signatures; ssh-keygen reads no more than this. */
const [leastBits, mostBits] = [2048, 16_384];

const padding = constants.RSA_PKCS1_PADDING;

export const rsa: SoftwareKeyType = {
  name: 'ssh-rsa',
  certificateName: 'ssh-rsa-cert-v01@openssh.com',
  readKey(reader, fail) {
    const exponent = reader.mpint('the exponent');
    const modulus = reader.mpint('the modulus');
    const key = numbersToKey(exponent, modulus, fail);
    return (signature, data, failSignature) => {
      const { hash, bytes } = readRsaSignature(signature, failSignature);
      const padded = padTo(modulus.length, bytes, failSignature);
      return proofIf(verify(hash, data, { key, padding }, padded));
    };
  },
  sign: (key, data) => writeSignature('rsa-sha2-512', sign('sha512', data, { key, padding })),
};

function readRsaSignature(signature: Buffer, fail: Fail): { hash: string; bytes: Buffer } {
  const reader = new WireReader(signature, fail);
  const algorithm = reader.text('the algorithm name');
  const hash = hashes.get(algorithm);
  if (hash === undefined)
    throw fail(`its algorithm ${quote(algorithm)} is not acceptable for RSA keys; rsa-sha2-512 is`);
  const bytes = reader.string('the signature bytes');
  reader.end('the signature bytes');
  return { hash, bytes };
}

function numbersToKey(exponent: Buffer, modulus: Buffer, fail: Fail): KeyObject {
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < leastBits) throw fail(`its modulus has ${bits} bits; at least ${leastBits} are needed`);
  if (bits > mostBits) throw fail(`its modulus has ${bits} bits; the limit is ${mostBits}`);
  if (((modulus.at(-1) ?? 0) & 1) === 0) throw fail('its modulus is even');
  // With an exponent of 1 anybody could sign; OpenSSL is slow with long ones.
  const isSmall = exponent.length === 1 && (exponent[0] ?? 0) < 3;
  if (isSmall || ((exponent.at(-1) ?? 0) & 1) === 0 || exponent.length > 8)
    throw fail('its exponent is none of RSA');
  return createPublicKey({
    key: { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') },
    format: 'jwk',
  });
}

/** Some signers drop leading zeros (RFC 8332 section 3 speaks of them), and ssh-keygen takes that. */
function padTo(size: number, bytes: Buffer, fail: Fail): Buffer {
  if (bytes.length > size) throw fail(`its RSA signature has ${bytes.length} bytes, more than the modulus`);
  return Buffer.concat([Buffer.alloc(size - bytes.length), bytes]);
}
