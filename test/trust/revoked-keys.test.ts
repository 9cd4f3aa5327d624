import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseRevokedKeys, readRevokedKeys } from '../../src/trust/revoked-keys.ts';
import { certify } from './certificates.ts';
import { allowedBy, fault, forge, verify, withTempDir } from './fixtures.ts';
import { newEd25519, newP256, type TestKey } from './keys.ts';

const [key, other, authority] = [newEd25519(), newP256(), newEd25519()];
const certified = certify(key, authority);

const parse = (text: string | Buffer) => parseRevokedKeys(Buffer.from(text), 'revoked_keys');

function verifyWith(revoked: string, signer: TestKey): ReturnType<typeof verify> {
  const allowed = allowedBy(`builder ${key.line}`, `builder cert-authority ${authority.line}`);
  return verify(forge(signer), { ...allowed, revoked: [parse('# empty\n'), parse(revoked)] });
}

const isRevoked = test.macro({
  exec: (t, revoked: string, signer: TestKey, where: string) => {
    const error = t.throws(() => verifyWith(revoked, signer), fault('E_SIGNER_UNTRUSTED'));
    t.true(error.message.includes(`revoked (revoked_keys:${where})`), error.message);
  },
  title: (given) => `revoked: ${given ?? ''}`,
});
test('the key', isRevoked, `${other.line}\n\n${key.line} stolen\n`, key, '3');
test('the key of a certificate', isRevoked, `${key.line}\n`, certified, '1');
test('the authority of a certificate', isRevoked, `\n${authority.line}\n`, certified, '2');
test('the key, by a certificate of it', isRevoked, `${certify(key, other).line}\n`, key, '1');

test('other revoked keys do no harm', (t) => {
  t.is(verifyWith(`${other.line}\r\n`, key).line, 1);
  t.is(verifyWith('', certified).line, 2);
});

const isRefused = test.macro({
  exec: (t, text: string | Buffer, reason: RegExp) => {
    t.regex(t.throws(() => parse(text), fault('E_TRUST_INVALID')).message, reason);
  },
  title: (given) => `refused as a whole: ${given ?? ''}`,
});
test('a KRL', isRefused, Buffer.from('SSHKRL\n\0\0\0\0\x01'), /KRL.*not supported/);
test('a bad line among good ones', isRefused, `${key.line}\nno key\n`, /^revoked_keys:2: /);
test('two bad lines', isRefused, 'x\ny\n', /2 mistakes/);
test('a key cut short', isRefused, `${key.line.slice(0, -4)}\n`, /malformed/);
test('a line with options', isRefused, `cert-authority ${key.line}\n`, /no public key/);
test('a file that is not UTF-8', isRefused, Buffer.of(0xff), /UTF-8/);

test('a file that is missing is an error, not an empty list', (t) =>
  withTempDir(async (folder) => {
    const file = path.join(folder, 'revoked_keys');
    await t.throwsAsync(readRevokedKeys(file), fault('E_TRUST_UNREADABLE'));
    await writeFile(file, '');
    t.is((await readRevokedKeys(file)).lines.size, 0);
  }));
