import type { KeyType, Verifier } from './key-type.ts';
import { quote } from '../quote.ts';
import { type Fail, WireReader, wireString } from './wire.ts';

/** What an authority says of a key (OpenSSH, PROTOCOL.certkeys). */
export interface Certificate {
  readonly serial: bigint;
  readonly use: 'user' | 'host';
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since 1970: the first that is valid, and the first that is no longer. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** Names of options that whoever does not know them must not pass over. */
  readonly criticalOptions: readonly string[];
  /** The authority's key as an SSH blob. */
  readonly authority: Buffer;
}

export interface CertifiedKey {
  readonly verify: Verifier;
  /** The blob of the key without its certificate. */
  readonly plain: Buffer;
  readonly certificate: Certificate;
}

/** A certificate whose signature nobody has checked yet. */
export interface UncheckedCertificate extends CertifiedKey {
  /** The signature of its authority. */
  readonly signature: Buffer;
  /** What that has to be over. */
  readonly signed: Buffer;
}

type LoadAuthority = (blob: Buffer, fail: Fail) => { readonly verify: Verifier };

const uses: ReadonlyMap<number, Certificate['use']> = new Map([
  [1, 'user'],
  [2, 'host'],
]);

/** As many as ssh-keygen reads. */
const mostPrincipals = 256;

/**
 * Reads a certificate to its last byte and checks its authority's signature. `loadAuthority` must refuse certificates:
 * an authority is a key, never another certificate. Whether the certificate fits a use and a time is not judged here.
 */
export function readCertificate(
  blob: Buffer,
  type: KeyType,
  loadAuthority: LoadAuthority,
  fail: Fail,
): CertifiedKey {
  const { verify, plain, certificate, signature, signed } = parseCertificate(blob, type, fail);
  const inAuthority: Fail = (reason) => fail(`the authority of its certificate: ${reason}`);
  if (loadAuthority(certificate.authority, inAuthority).verify(signature, signed, inAuthority) === undefined)
    throw fail('its certificate was not signed by the authority that it names');
  return { verify, plain, certificate };
}

/** Reads a certificate to its last byte, without a look at its authority and the signature. */
export function parseCertificate(blob: Buffer, type: KeyType, fail: Fail): UncheckedCertificate {
  const reader = new WireReader(blob, fail);
  reader.text('the key type');
  reader.string('the nonce');
  const keyAt = reader.offset;
  const verify = type.readKey(reader, fail);
  const plain = Buffer.concat([wireString(type.name), blob.subarray(keyAt, reader.offset)]);
  const serial = reader.uint64('the serial number');
  const kind = reader.uint32('the kind of certificate');
  const use = uses.get(kind);
  if (use === undefined) throw fail(`its certificate is of the unknown kind ${kind}`);
  const keyId = nameIn(reader, 'the key ID', fail);
  const principals = namesIn(reader.string('the principals'), 'a principal', fail);
  if (principals.length > mostPrincipals)
    throw fail(`its certificate is for ${principals.length} principals; the limit is ${mostPrincipals}`);
  const validAfter = reader.uint64('the start of validity');
  const validBefore = reader.uint64('the end of validity');
  const criticalOptions = optionsIn(reader.string('the critical options'), fail);
  optionsIn(reader.string('the extensions'), fail);
  reader.string('the reserved field of the certificate');
  const authority = reader.string('the key of the authority');
  const signed = blob.subarray(0, reader.offset);
  const signature = reader.string("the authority's signature");
  reader.end("the authority's signature");

  const certificate: Certificate = {
    serial,
    use,
    keyId,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    authority,
  };
  return { verify, plain, certificate, signature, signed };
}

function nameIn(reader: WireReader, what: string, fail: Fail): string {
  const name = reader.text(what);
  if (name.includes('\0')) throw fail(`${what} ${quote(name)} holds a NUL`);
  return name;
}

function namesIn(bytes: Buffer, what: string, fail: Fail): string[] {
  const reader = new WireReader(bytes, fail);
  const names: string[] = [];
  while (!reader.isAtEnd) names.push(nameIn(reader, what, fail));
  return names;
}

/** The names of options; their values matter to nobody here. */
function optionsIn(bytes: Buffer, fail: Fail): string[] {
  const reader = new WireReader(bytes, fail);
  const names: string[] = [];
  while (!reader.isAtEnd) {
    names.push(nameIn(reader, 'an option', fail));
    reader.string('the value of an option');
  }
  return names;
}

/** A time of a certificate, for people. Dates end before some certificates do. */
export function certificateTime(seconds: bigint): string {
  const time = new Date(Number(seconds) * 1000);
  return Number.isNaN(time.getTime()) ? `second ${seconds}` : time.toISOString();
}
