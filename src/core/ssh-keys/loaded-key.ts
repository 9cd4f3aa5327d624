import { type Certificate, readCertificate } from './certificate.ts';
import type { KeyType, Verifier } from './key-type.ts';
import { certifiedTypeOf, keyTypeOf, supportedKeyTypes } from './key-types.ts';
import { quote } from '../quote.ts';
import { type Fail, WireReader } from './wire.ts';

/** A public key that is ready to verify. */
export interface LoadedKey {
  /** The type of the key itself, whether it has a certificate or not. */
  readonly type: KeyType;
  readonly verify: Verifier;
  /** The blob of the key itself; of a certificate, that of its key. */
  readonly plain: Buffer;
  /** The blob is this certificate; its authority's signature is good, nothing else has been judged. */
  readonly certificate?: Certificate;
}

/** The type name at the start of a public key blob. */
export function typeNameOf(blob: Buffer, fail: Fail): string {
  return new WireReader(blob, fail).text('the key type');
}

/** Reads the blob of a public key or certificate to its last byte. */
export function loadPublicKey(blob: Buffer, fail: Fail): LoadedKey {
  const name = typeNameOf(blob, fail);
  const certified = certifiedTypeOf(name);
  if (certified === undefined) return loadPlainKey(blob, fail);
  const { verify, plain, certificate } = readCertificate(blob, certified, loadPlainKey, fail);
  return { type: certified, verify, plain, certificate };
}

/** Reads the blob of a public key that is no certificate to its last byte. */
export function loadPlainKey(blob: Buffer, fail: Fail): LoadedKey {
  const reader = new WireReader(blob, fail);
  const name = reader.text('the key type');
  const type = keyTypeOf(name);
  if (type === undefined) throw fail(`it is of type ${quote(name)}; supported are ${supportedKeyTypes}`);
  const verify = type.readKey(reader, fail);
  reader.end('the public key');
  return { type, verify, plain: blob };
}
