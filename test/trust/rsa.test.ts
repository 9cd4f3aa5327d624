import { sign } from 'node:crypto';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { writeSignature } from '../../src/core/ssh-keys/key-type.ts';
import { loadPublicKey } from '../../src/core/ssh-keys/loaded-key.ts';
import { formatPublicKey } from '../../src/trust/public-key.ts';
import { wireMpint, wireString } from '../../src/core/ssh-keys/wire.ts';
import { allowedBy, fault, forge, verify } from './fixtures.ts';
import { newRsa } from './keys.ts';

const key = newRsa();
const allowed = allowedBy(`builder ${key.line}`);
const signedWith = (algorithm: string, hash: string): Buffer =>
  forge({ ...key, sign: (data) => writeSignature(algorithm, sign(hash, data, key.privateKey)) });

test('RSA signs with SHA-512, and SHA-256 is taken', (t) => {
  t.is(verify(forge(key), allowed).keyType, 'ssh-rsa');
  t.is(verify(signedWith('rsa-sha2-256', 'sha256'), allowed).line, 1);
});

test('SHA-1 and names that do not fit the hash are refused', (t) => {
  const invalid = fault('E_SIGNATURE_INVALID');
  t.throws(() => verify(signedWith('ssh-rsa', 'sha1'), allowed), invalid);
  t.throws(() => verify(signedWith('rsa-sha2-512', 'sha256'), allowed), invalid);
  t.throws(() => verify(signedWith('rsa-sha2-512', 'sha1'), allowed), invalid);
});

test('a signature that lost its leading zero is good, one that gained a zero is malformed', (t) => {
  const fail = (reason: string): PackferryError => new PackferryError('E_SIGNATURE_INVALID', reason);
  const { verify: check } = loadPublicKey(key.blob, fail);
  const signed = (data: Buffer): Buffer => sign('sha512', data, key.privateKey);
  let data = Buffer.of(0);
  while (signed(data)[0] !== 0) data = Buffer.concat([data, Buffer.of(0)]);
  const bytes = signed(data);
  for (const good of [bytes, bytes.subarray(1)]) {
    t.deepEqual(check(writeSignature('rsa-sha2-512', good), data, fail), { userVerified: false });
  }
  const longer = writeSignature('rsa-sha2-512', Buffer.concat([Buffer.of(0), bytes]));
  t.throws(() => check(longer, data, fail), fault('E_SIGNATURE_INVALID'));
});

function numbers(exponent: Buffer, modulus: Buffer): string {
  const blob = Buffer.concat([wireString('ssh-rsa'), wireMpint(exponent), wireMpint(modulus)]);
  return `builder ${formatPublicKey({ type: 'ssh-rsa', blob })}`;
}

const odd = Buffer.alloc(256, 0xff);
const isRefused = test.macro({
  exec: (t, exponent: Buffer, modulus: Buffer, reason: RegExp) => {
    const error = t.throws(() => allowedBy(numbers(exponent, modulus)), fault('E_TRUST_INVALID'));
    t.regex(error.message, reason);
  },
  title: (given) => `no RSA key: ${given ?? ''}`,
});
test('2047 bits', isRefused, Buffer.of(3), Buffer.concat([Buffer.of(0x7f), odd.subarray(1)]), /2047 bits/);
test('over 16384 bits', isRefused, Buffer.of(3), Buffer.alloc(2049, 0xff), /16392 bits/);
test('an even modulus', isRefused, Buffer.of(3), Buffer.concat([odd.subarray(1), Buffer.of(2)]), /even/);
test('an exponent of 1: everybody could sign', isRefused, Buffer.of(1), odd, /exponent/);
test('an even exponent', isRefused, Buffer.of(4), odd, /exponent/);
test('an exponent that takes minutes', isRefused, Buffer.alloc(9, 0xff), odd, /exponent/);
