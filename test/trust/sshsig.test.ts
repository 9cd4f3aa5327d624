import test from 'ava';
import { encodeArmor } from '../../src/trust/armor.ts';
import { readSignature, writeSignature } from '../../src/core/ssh-keys/key-type.ts';
import { invalidSignature, signedData } from '../../src/trust/sshsig.ts';
import { verifyDetached } from '../../src/trust/verify.ts';
import { WireReader, wireString } from '../../src/core/ssh-keys/wire.ts';
import {
  allowedBy,
  fault,
  forge,
  message,
  newEd25519,
  newP256,
  now,
  type TestKey,
  verify,
} from './fixtures.ts';

const ed = newEd25519();
const ec = newP256();
const allowed = allowedBy(`builder ${ed.line}`, `builder ${ec.line}`);
const fail = invalidSignature('test');

/** The order of the group of Ed25519, little-endian. */
const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The bytes inside an Ed25519 signature changed. */
const edBytes = (change: (bytes: Buffer) => Buffer) => (signature: Buffer) =>
  writeSignature('ssh-ed25519', change(readSignature(signature, 'ssh-ed25519', fail)));

/** r and s of an ECDSA signature written anew. */
const ecNumbers = (write: (r: Buffer, s: Buffer) => Buffer) => (signature: Buffer) => {
  const reader = new WireReader(readSignature(signature, ec.type.name, fail), fail);
  return writeSignature(ec.type.name, write(reader.mpint('r'), reader.mpint('s')));
};

/** S + L: the same signature in a second spelling. */
function malleate(bytes: Buffer): Buffer {
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + groupOrder;
  return Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
  ]);
}

const spare = Buffer.of(0);
const padded = (number: Buffer): Buffer => wireString(Buffer.concat([spare, spare, number]));
const asMpint = (number: Buffer): Buffer =>
  wireString((number[0] ?? 0) >= 0x80 ? Buffer.concat([spare, number]) : number);

test('the signed bytes of a bundle are 108 bytes', (t) => {
  t.is(signedData('bundle@packferry', 'sha512', message).length, 108);
});

test('the forge alone changes nothing', (t) => {
  for (const key of [ed, ec]) t.is(verify(forge(key), allowed).keyType, key.type.name);
  const rewritten = ecNumbers((r, s) => Buffer.concat([asMpint(r), asMpint(s)]));
  t.is(verify(forge(ec, { signature: rewritten }), allowed).line, 2);
  t.is(verify(forge(ed, { signature: edBytes((bytes) => bytes) }), allowed).line, 1);
});

test('sha256 is as good as sha512', (t) => {
  for (const key of [ed, ec]) t.is(verify(forge(key, { hash: 'sha256' }), allowed).keyType, key.type.name);
});

const isRefused = test.macro({
  exec: (t, key: TestKey, changes: Parameters<typeof forge>[1]) => {
    t.throws(() => verify(forge(key, changes), allowed), fault('E_SIGNATURE_INVALID'));
  },
  title: (given) => `refused: ${given ?? ''}`,
});

test('a wrong magic', isRefused, ed, { magic: 'SSHSIH' });
test('version 0', isRefused, ed, { version: 0 });
test('version 2', isRefused, ed, { version: 2 });
test('an empty namespace', isRefused, ed, { namespace: '' });
test('another namespace', isRefused, ed, { namespace: 'file' });
test('a namespace that starts alike', isRefused, ed, { namespace: 'bundle@packferry2' });
test('a namespace in other letters', isRefused, ed, { namespace: 'Bundle@packferry' });
test('a NUL after the namespace', isRefused, ed, { namespace: 'bundle@packferry\0' });
test('a reserved field that is not empty', isRefused, ed, { reserved: 'x' });
test('the hash sha384', isRefused, ed, { hash: 'sha384' });
test('the hash sha1', isRefused, ed, { hash: 'sha1' });
test('the hash SHA512', isRefused, ed, { hash: 'SHA512' });
test('no hash', isRefused, ed, { hash: '' });
test('bytes after the signature field', isRefused, ed, { tail: 'x' });
test('bytes after the signature bytes', isRefused, ed, { signature: (s) => Buffer.concat([s, spare]) });
test('bytes after the ECDSA signature', isRefused, ec, { signature: (s) => Buffer.concat([s, spare]) });
test('bytes after r and s', isRefused, ec, {
  signature: ecNumbers((r, s) => Buffer.concat([asMpint(r), asMpint(s), spare])),
});
test('bytes after the public key', isRefused, ed, { publicKey: Buffer.concat([ed.blob, spare]) });
test('a public key cut short', isRefused, ed, { publicKey: ed.blob.subarray(0, -1) });
test('an empty public key', isRefused, ed, { publicKey: Buffer.alloc(0) });
test('an Ed25519 key of 31 bytes', isRefused, ed, {
  publicKey: Buffer.concat(['ssh-ed25519', Buffer.alloc(31)].map(wireString)),
});
test('a point off the curve', isRefused, ec, {
  publicKey: Buffer.concat([ec.blob.subarray(0, -1), Buffer.of((ec.blob.at(-1) ?? 0) ^ 1)]),
});
test('a compressed point', isRefused, ec, {
  publicKey: Buffer.concat(
    [ec.type.name, 'nistp256', Buffer.concat([Buffer.of(2), ec.blob.subarray(-64, -32)])].map(wireString),
  ),
});
test('a point with the prefix of hybrid points', isRefused, ec, {
  publicKey: Buffer.concat([ec.blob.subarray(0, -65), Buffer.of(6), ec.blob.subarray(-64)]),
});
test('the curve of another type', isRefused, ec, {
  publicKey: Buffer.concat([ec.type.name, 'nistp384', ec.blob.subarray(-65)].map(wireString)),
});
test('a type that nobody knows', isRefused, ed, {
  publicKey: Buffer.concat(['ssh-dss', Buffer.of(1, 0, 1), Buffer.alloc(256, 0x55)].map(wireString)),
});
test("another key's signature", isRefused, ed, { publicKey: newEd25519().blob });
test('an algorithm of another key type', isRefused, ed, {
  signature: (s) => writeSignature('ecdsa-sha2-nistp256', readSignature(s, 'ssh-ed25519', fail)),
});
test('an algorithm name that only starts alike', isRefused, ec, {
  signature: (s) => writeSignature('ecdsa-sha2-nistp256x', readSignature(s, ec.type.name, fail)),
});
test('an Ed25519 signature of 63 bytes', isRefused, ed, { signature: edBytes((b) => b.subarray(1)) });
test('an Ed25519 signature of 65 bytes', isRefused, ed, {
  signature: edBytes((b) => Buffer.concat([b, spare])),
});
test('an Ed25519 signature with S + L', isRefused, ed, { signature: edBytes(malleate) });
test('a needless zero before r', isRefused, ec, {
  signature: ecNumbers((r, s) => Buffer.concat([padded(r), asMpint(s)])),
});
test('a needless zero before s', isRefused, ec, {
  signature: ecNumbers((r, s) => Buffer.concat([asMpint(r), padded(s)])),
});
test('a negative r', isRefused, ec, {
  signature: ecNumbers((r, s) =>
    Buffer.concat([wireString(Buffer.concat([Buffer.of(0xff), r])), asMpint(s)]),
  ),
});
test('an s of zero', isRefused, ec, {
  signature: ecNumbers((r) => Buffer.concat([asMpint(r), wireString('')])),
});
test('an r that is too long', isRefused, ec, {
  signature: ecNumbers((r, s) => Buffer.concat([wireString(Buffer.concat([Buffer.of(1), r])), asMpint(s)])),
});
test('r and s in DER', isRefused, ec, {
  signature: ecNumbers((r, s) =>
    Buffer.concat([Buffer.of(0x30, r.length + s.length + 4, 2, r.length), r, Buffer.of(2, s.length), s]),
  ),
});

test('an empty namespace is refused even where it is asked for', (t) => {
  const signature = forge(ed, { namespace: '' });
  const options = { message, signature, signatureName: 'sig', allowed, namespace: '', now };
  t.throws(() => verifyDetached(options), fault('E_SIGNATURE_INVALID'));
});

test('a file that holds no SSHSIG is refused', (t) => {
  const file = Buffer.from(encodeArmor(Buffer.from('SSHSI')));
  t.throws(() => verify(file, allowed), fault('E_SIGNATURE_INVALID'));
});

test('a signature cut at any byte is refused', (t) => {
  const blob = Buffer.from(forge(ec).toString().split('\n').slice(1, -2).join(''), 'base64');
  for (let length = 1; length < blob.length; length += 1) {
    const file = Buffer.from(encodeArmor(blob.subarray(0, length)));
    t.throws(() => verify(file, allowed), fault('E_SIGNATURE_INVALID'), `cut at ${length}`);
  }
});
