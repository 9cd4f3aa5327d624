import test from 'ava';
import { isFingerprint, readFingerprint } from '../../src/trust/fingerprint.ts';
import { isKeyText, parseGivenKey } from '../../src/trust/given-key.ts';
import { looksPrivate } from '../../src/trust/wrong-file.ts';
import { certify } from './certificates.ts';
import { fault } from './fixtures.ts';
import { newEd25519, newP256 } from './keys.ts';

const key = newEd25519();
const parse = (text: string): ReturnType<typeof parseGivenKey> => parseGivenKey(Buffer.from(text), 'given');

test('a public key, with CRLF, comments and spaces around it', (t) => {
  const given = parse(`# hello\r\n\r\n  ${key.line} somebody's key \r\n`);
  t.deepEqual(given.key, { type: 'ssh-ed25519', blob: key.blob, comment: "somebody's key" });
  t.is(given.line, undefined);
});

test('a line of allowed_signers keeps what it says', (t) => {
  const { line } = parse(`a,b cert-authority,valid-before="20300101Z" ${key.line}`);
  t.is(line?.principals.text, 'a,b');
  t.true(line?.certAuthority);
  t.is(line?.validBefore?.toISOString(), '2030-01-01T00:00:00.000Z');
});

test('a certificate is one, and its key is told', (t) => {
  const certificate = certify(key, newP256());
  t.deepEqual(parse(certificate.line).certified, key.blob);
});

test('keys are told from names of files, private ones by their marks', (t) => {
  for (const text of [key.line, `alice ${key.line}`, '-----BEGIN OPENSSH PRIVATE KEY-----'])
    t.true(isKeyText(text));
  for (const text of ['key.pub', './ssh-ed25519.pub', 'alice', '/a b/key']) t.false(isKeyText(text));
  for (const text of ['-----BEGIN RSA PRIVATE KEY-----', 'PuTTY-User-Key-File-3: x'])
    t.true(looksPrivate(text));
});

const refused = test.macro((t, text: string) => {
  t.throws(() => parse(text), fault('E_KEY_UNREADABLE'));
});
test('refused: nothing', refused, '\n# only this\n');
test('refused: two keys', refused, `${key.line}\n${newEd25519().line}`);
test('refused: a key that is cut', refused, key.line.slice(0, -8));
test('refused: a certificate in a line of trusted keys', refused, `alice ${certify(key, newP256()).line}`);
test('refused: another text', refused, 'hello world');

test('fingerprints: with and without their beginning, and nothing shorter', (t) => {
  const digest = 'A'.repeat(43);
  for (const text of [`SHA256:${digest}`, digest, ` ${digest}= `])
    t.is(readFingerprint(text), `SHA256:${digest}`);
  for (const text of ['', 'SHA256:', digest.slice(1), `MD5:${digest}`, `sha256:${digest}`]) {
    t.false(isFingerprint(text));
    t.throws(() => readFingerprint(text), fault('E_USAGE'));
  }
});
