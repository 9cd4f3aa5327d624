import type { KeyObject } from 'node:crypto';
import { type Fail, WireReader, wireString } from './wire.ts';

/** What a good signature proves besides the use of its key. */
export interface Proof {
  /** The key itself asked its user for a PIN or a finger; only security keys can say so. */
  readonly userVerified: boolean;
}

/** Checks a signature over `data`. A malformed one throws `fail`, a wrong one is undefined. */
export type Verifier = (signature: Buffer, data: Buffer, fail: Fail) => Proof | undefined;

/** One kind of key. */
export interface KeyType {
  /** The name on the wire and in public key lines. */
  readonly name: string;
  /** The name of certificates of such keys. */
  readonly certificateName: string;
  /** Reads the fields of a public key that follow its type name; the point or number itself is checked too. */
  readKey(reader: WireReader, fail: Fail): Verifier;
}

/** A kind of key whose private half a program can hold. */
export interface SoftwareKeyType extends KeyType {
  /** Signs `data`: the algorithm name and the signature, as they stand in SSHSIG. */
  sign(privateKey: KeyObject, data: Buffer): Buffer;
}

/** For keys that a program can use without anybody being there. */
export function proofIf(isGood: boolean): Proof | undefined {
  return isGood ? { userVerified: false } : undefined;
}

/** Algorithm name and signature bytes, for types that add nothing else. */
export function writeSignature(algorithm: string, bytes: Buffer): Buffer {
  return Buffer.concat([wireString(algorithm), wireString(bytes)]);
}

/** The signature bytes of a plain signature, which must name exactly `algorithm`. */
export function readSignature(signature: Buffer, algorithm: string, fail: Fail): Buffer {
  const reader = new WireReader(signature, fail);
  const bytes = readSignatureBytes(reader, algorithm, fail);
  reader.end('the signature bytes');
  return bytes;
}

/** The same, where more fields follow. */
export function readSignatureBytes(reader: WireReader, algorithm: string, fail: Fail): Buffer {
  const found = reader.text('the algorithm name');
  if (found !== algorithm) throw fail(`its algorithm does not belong to a key of type ${algorithm}`);
  return reader.string('the signature bytes');
}
