import type { KeyObject } from 'node:crypto';
import { type Fail, WireReader, wireString } from './wire.ts';

/** One kind of key that can sign and verify. */
export interface KeyType {
  /** The name on the wire and in public key lines. */
  readonly name: string;
  /** Reads the fields of a public key that follow its type name; the point or number itself is checked too. */
  readKey(reader: WireReader, fail: Fail): KeyObject;
  /** Signs `data`: the algorithm name and the signature, as they stand in SSHSIG. */
  sign(privateKey: KeyObject, data: Buffer): Buffer;
  /** Checks what `sign` made. A malformed signature throws `fail`, a wrong one is false. */
  verify(publicKey: KeyObject, signature: Buffer, data: Buffer, fail: Fail): boolean;
}

/** Algorithm name and signature bytes, for types that add nothing else. */
export function writeSignature(algorithm: string, bytes: Buffer): Buffer {
  return Buffer.concat([wireString(algorithm), wireString(bytes)]);
}

/** The signature bytes of a plain signature, which must name exactly `algorithm`. */
export function readSignature(signature: Buffer, algorithm: string, fail: Fail): Buffer {
  const reader = new WireReader(signature, fail);
  const found = reader.text('the algorithm name');
  if (found !== algorithm) throw fail(`its algorithm does not belong to a key of type ${algorithm}`);
  const bytes = reader.string('the signature bytes');
  reader.end('the signature bytes');
  return bytes;
}
