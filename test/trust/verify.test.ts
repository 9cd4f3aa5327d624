import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { parseRevokedKeys } from '../../src/trust/revoked-keys.ts';
import { fingerprintOf } from '../../src/trust/public-key.ts';
import { bundleNamespace, verifyDetached } from '../../src/trust/verify.ts';
import { allowedBy, fault, forge, message, newEd25519, newP256, now, verify } from './fixtures.ts';

const key = newEd25519();
const other = newP256();
const good = forge(key);

test('a good signature names the line, the principals and the key', (t) => {
  const allowed = allowedBy(
    '# who may sign',
    `ops ${other.line}`,
    '',
    `build@example,ci-* ${key.line} the builder`,
  );
  t.deepEqual(verify(good, allowed), {
    principal: 'build@example,ci-*',
    names: [],
    fingerprint: fingerprintOf(key.blob),
    keyType: 'ssh-ed25519',
    line: 4,
  });
});

test('another message is an invalid signature, not an untrusted signer', (t) => {
  const options = {
    message: Buffer.from('something else'),
    signature: good,
    signatureName: 'SHA256SUMS.sig',
    namespace: bundleNamespace,
    now,
  };
  for (const allowed of [allowedBy(`builder ${key.line}`), allowedBy(`ops ${other.line}`)]) {
    t.throws(() => verifyDetached({ ...options, allowed }), fault('E_SIGNATURE_INVALID'));
  }
});

test('an unlisted signer is named by fingerprint, with the command that would admit the key', (t) => {
  const error = t.throws(() => verify(good, allowedBy(`ops ${other.line}`)), fault('E_SIGNER_UNTRUSTED'));
  t.true(error instanceof PackferryError);
  t.true(error.message.includes(fingerprintOf(key.blob)));
  const hint = error instanceof PackferryError ? (error.hint ?? '') : '';
  const [, given = ''] = /packferry trust add "([^"]+)" --principal NAME/.exec(hint) ?? [];
  t.is(verify(good, allowedBy(`NAME ${given}`)).line, 1);
});

const isAdmitted = test.macro({
  exec: (t, options: string, at: string) => {
    t.is(verify(good, allowedBy(`builder ${options} ${key.line}`), new Date(at)).line, 1);
  },
  title: (given) => `admitted: ${given ?? ''}`,
});

const isUntrusted = test.macro({
  exec: (t, options: string, at: string) => {
    const allowed = allowedBy(`builder ${options} ${key.line}`);
    t.throws(() => verify(good, allowed, new Date(at)), fault('E_SIGNER_UNTRUSTED'));
  },
  title: (given) => `not trusted: ${given ?? ''}`,
});

const noon = now.toISOString();
test('exactly this namespace', isAdmitted, 'namespaces="bundle@packferry"', noon);
test('one of several namespaces', isAdmitted, 'namespaces="git,bundle@packferry"', noon);
test('a pattern of namespaces', isAdmitted, 'namespaces="bundle@*"', noon);
test('the first moment', isAdmitted, 'valid-after="20261123120000Z"', noon);
test('the last moment', isAdmitted, 'valid-before="20261123120000Z"', noon);
test('within the last second', isAdmitted, 'valid-before="20261123120000Z"', '2026-11-23T12:00:00.999Z');
test('other namespaces', isUntrusted, 'namespaces="git,file"', noon);
test('an excluded namespace', isUntrusted, 'namespaces="*,!bundle@*"', noon);
test('a namespace in other letters', isUntrusted, 'namespaces="BUNDLE@packferry"', noon);
test('not yet valid', isUntrusted, 'valid-after="20261123120001Z"', noon);
test('no longer valid', isUntrusted, 'valid-before="20261123115959Z"', noon);
test('after the window', isUntrusted, 'valid-before="20261101Z",valid-after="20261031Z"', noon);

test('of several lines for one key, one that admits it is enough', (t) => {
  const lines = [`old valid-before="20260101Z" ${key.line}`, `new valid-after="20260101Z" ${key.line}`];
  t.is(verify(good, allowedBy(...lines)).principal, 'new');
});

test('every line that does not admit the key is told', (t) => {
  const lines = [`a namespaces="git" ${key.line}`, `b valid-before="20260101Z" ${key.line}`];
  const error = t.throws(() => verify(good, allowedBy(...lines)), fault('E_SIGNER_UNTRUSTED'));
  t.regex(error.message, /line 1.*line 2/);
});

test('nobody is told to trust a key once more that is revoked, or that is listed for something else', (t) => {
  const allowed = allowedBy(`builder ${key.line}`);
  const revoked = [parseRevokedKeys(Buffer.from(`${key.line}\n`), 'revoked_keys')];
  for (const list of [{ ...allowed, revoked }, allowedBy(`builder namespaces="git" ${key.line}`)]) {
    const error = t.throws(() => verify(good, list), fault('E_SIGNER_UNTRUSTED'));
    t.notRegex(String(error.hint), /trust add|PRINCIPAL/);
  }
});

test('two keys on two lines do not mix', (t) => {
  const allowed = allowedBy(`a namespaces="git" ${key.line}`, `b ${other.line}`);
  t.throws(() => verify(good, allowed), fault('E_SIGNER_UNTRUSTED'));
  t.is(verify(forge(other), allowed).principal, 'b');
});

test('the message may be any view of bytes', (t) => {
  const view = new Uint8Array(Buffer.concat([Buffer.from('xx'), message])).subarray(2);
  const allowed = allowedBy(`builder ${key.line}`);
  const options = { signature: good, signatureName: 's', allowed, namespace: bundleNamespace, now };
  t.is(verifyDetached({ ...options, message: view }).line, 1);
});
