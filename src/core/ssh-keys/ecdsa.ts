import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { proofIf, readSignature, type SoftwareKeyType, writeSignature } from './key-type.ts';
import { type Fail, WireReader, wireMpint } from './wire.ts';

/** A curve in the names of SSH and of JSON Web Keys, with the hash that belongs to it (RFC 5656 section 6.2.1). */
export interface Curve {
  readonly ssh: string;
  readonly jwk: string;
  /** Bytes of a coordinate, and of r and s. */
  readonly size: number;
  readonly hash: string;
}

export const p256: Curve = { ssh: 'nistp256', jwk: 'P-256', size: 32, hash: 'sha256' };
const p384: Curve = { ssh: 'nistp384', jwk: 'P-384', size: 48, hash: 'sha384' };
const p521: Curve = { ssh: 'nistp521', jwk: 'P-521', size: 66, hash: 'sha512' };

const encoding = { dsaEncoding: 'ieee-p1363' } as const;

function ecdsa(curve: Curve): SoftwareKeyType {
  const name = `ecdsa-sha2-${curve.ssh}`;
  return {
    name,
    certificateName: `${name}-cert-v01@openssh.com`,
    readKey(reader, fail) {
      const key = readPoint(reader, curve, fail);
      return (signature, data, failSignature) => {
        const bytes = readSignature(signature, name, failSignature);
        return proofIf(verifyEcdsa(key, curve, bytes, data, failSignature));
      };
    },
    sign(key, data) {
      const pair = sign(curve.hash, data, { key, ...encoding });
      const numbers = [pair.subarray(0, curve.size), pair.subarray(curve.size)].map(wireMpint);
      return writeSignature(name, Buffer.concat(numbers));
    },
  };
}

/** Reads the name of the curve and the point. */
export function readPoint(reader: WireReader, curve: Curve, fail: Fail): KeyObject {
  if (reader.text('the curve name') !== curve.ssh) throw fail(`its curve is not ${curve.ssh}`);
  return pointToKey(reader.string('the point'), curve, fail);
}

/** Checks the pair r and s, given as two mpints. */
export function verifyEcdsa(
  key: KeyObject,
  curve: Curve,
  numbers: Buffer,
  data: Buffer,
  fail: Fail,
): boolean {
  const reader = new WireReader(numbers, fail);
  const r = reader.mpint('the number r');
  const s = reader.mpint('the number s');
  reader.end('the number s');
  const pair = Buffer.concat([padTo(curve.size, r, fail), padTo(curve.size, s, fail)]);
  return verify(curve.hash, data, { key, ...encoding }, pair);
}

/** The key of an uncompressed point (SEC 1 section 2.3.3); a point off the curve is refused. */
function pointToKey(point: Buffer, curve: Curve, fail: Fail): KeyObject {
  if (point.length !== 1 + 2 * curve.size || point[0] !== 4) {
    throw fail(`its point is no uncompressed point of ${curve.ssh}`);
  }
  const [x, y] = [point.subarray(1, 1 + curve.size), point.subarray(1 + curve.size)];
  try {
    return createPublicKey({
      key: { kty: 'EC', crv: curve.jwk, x: x.toString('base64url'), y: y.toString('base64url') },
      format: 'jwk',
    });
  } catch {
    throw fail(`its point does not lie on ${curve.ssh}`);
  }
}

function padTo(size: number, number: Buffer, fail: Fail): Buffer {
  if (number.length > size) throw fail(`its numbers are longer than ${size} bytes`);
  return Buffer.concat([Buffer.alloc(size - number.length), number]);
}

/** ECDSA on P-256 with SHA-256: what hosts in FIPS mode take in place of Ed25519. */
export const ecdsaP256 = ecdsa(p256);
export const ecdsaP384 = ecdsa(p384);
export const ecdsaP521 = ecdsa(p521);
