import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type KeyType, readSignature, writeSignature } from './key-type.ts';
import { type Fail, WireReader, wireMpint } from './wire.ts';

/** A curve in the names of SSH and of JSON Web Keys, with the hash that belongs to it (RFC 5656 section 6.2.1). */
interface Curve {
  readonly ssh: string;
  readonly jwk: string;
  /** Bytes of a coordinate, and of r and s. */
  readonly size: number;
  readonly hash: string;
}

function ecdsa(curve: Curve): KeyType {
  const name = `ecdsa-sha2-${curve.ssh}`;
  const encoding = { dsaEncoding: 'ieee-p1363' } as const;
  return {
    name,
    readKey(reader, fail) {
      if (reader.text('the curve name') !== curve.ssh) throw fail(`its curve is not ${curve.ssh}`);
      return pointToKey(reader.string('the point'), curve, fail);
    },
    sign(key, data) {
      const pair = sign(curve.hash, data, { key, ...encoding });
      const numbers = [pair.subarray(0, curve.size), pair.subarray(curve.size)].map(wireMpint);
      return writeSignature(name, Buffer.concat(numbers));
    },
    verify(key, signature, data, fail) {
      const reader = new WireReader(readSignature(signature, name, fail), fail);
      const r = reader.mpint('the number r');
      const s = reader.mpint('the number s');
      reader.end('the number s');
      const pair = Buffer.concat([padTo(curve.size, r, fail), padTo(curve.size, s, fail)]);
      return verify(curve.hash, data, { key, ...encoding }, pair);
    },
  };
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
export const ecdsaP256 = ecdsa({ ssh: 'nistp256', jwk: 'P-256', size: 32, hash: 'sha256' });
