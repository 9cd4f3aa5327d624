import test from 'ava';
import { fingerprintOf } from '../../src/trust/public-key.ts';
import { bundleNamespace, verifyDetached } from '../../src/trust/verify.ts';
import { type CertificateParts, certify, seconds } from './certificates.ts';
import { allowedBy, fault, forge, message, now, verify } from './fixtures.ts';
import { newEd25519, newP256, newSkEd25519, type TestKey } from './keys.ts';

const authority = newEd25519();
const key = newP256();
const trusted = allowedBy(`build* cert-authority ${authority.line}`);
const time = seconds(now);

test('a certificate stands for its name that the line matches, with the fingerprint of its key', (t) => {
  const certified = certify(key, authority, { principals: ['ops', 'builder', 'builder2'] });
  t.deepEqual(verify(forge(certified), trusted), {
    principal: 'builder',
    names: ['builder', 'builder2'],
    fingerprint: fingerprintOf(key.blob),
    keyType: 'ecdsa-sha2-nistp256',
    line: 1,
  });
});

const isUntrusted = test.macro({
  exec: (t, changes: Partial<CertificateParts>, reason: RegExp, signer: TestKey = key) => {
    const signature = forge(certify(signer, authority, changes));
    const error = t.throws(() => verify(signature, trusted), fault('E_SIGNER_UNTRUSTED'));
    t.regex(error.message, reason);
  },
  title: (given) => `not trusted: a certificate ${given ?? ''}`,
});

test('of a host', isUntrusted, { kind: 2 }, /one of a host/);
test('for nobody', isUntrusted, { principals: [] }, /for nobody/);
test('for somebody else', isUntrusted, { principals: ['ops'] }, /for "ops"/);
test('for an invisible name', isUntrusted, { principals: ['build\u200ber'] }, /its certificate for/);
test('that is not yet valid', isUntrusted, { validAfter: time + 1n }, /valid only from 2026/);
test('that has expired this second', isUntrusted, { validBefore: time }, /was valid until 2026/);
test(
  'from the end of time on',
  isUntrusted,
  { validAfter: 2n ** 64n - 1n },
  /from second 18446744073709551615/,
);
test('with a forced command', isUntrusted, { criticalOptions: { 'force-command': 'x' } }, /"force-command"/);
test('with an unknown critical option', isUntrusted, { criticalOptions: { 'x@y': '' } }, /"x@y"/);
const verifyRequired = { criticalOptions: { 'verify-required': '' } };
test('that wants a PIN, of a key that cannot ask', isUntrusted, verifyRequired, /PIN/);
test('that wants a PIN, which was not given', isUntrusted, verifyRequired, /PIN/, newSkEd25519());

test('a certificate that wants a PIN is met by a security key that asked for it', (t) => {
  const certified = certify(newSkEd25519({ flags: 5 }), authority, verifyRequired);
  t.is(verify(forge(certified), trusted).line, 1);
});

const isInvalid = test.macro({
  exec: (t, changes: Partial<CertificateParts>, reason: RegExp) => {
    const signature = forge(certify(key, authority, changes));
    const error = t.throws(() => verify(signature, trusted), fault('E_SIGNATURE_INVALID'));
    t.regex(error.message, reason);
  },
  title: (given) => `malformed: a certificate ${given ?? ''}`,
});

test('of an unknown kind', isInvalid, { kind: 3 }, /unknown kind 3/);
test('with bytes after it', isInvalid, { tail: 'x' }, /left over/);
test('that its authority did not sign', isInvalid, { authority: newEd25519().blob }, /not signed by/);
test(
  'by a certificate',
  isInvalid,
  { authority: certify(authority, newEd25519()).blob },
  /authority of its certificate: it is of type "ssh-ed25519-cert-v01@openssh.com"/,
);
test('with a NUL in a name', isInvalid, { principals: ['builder\0'] }, /NUL/);
test('for too many', isInvalid, { principals: Array.from({ length: 257 }, () => 'builder') }, /257/);

test('the line of a key does not admit certificates, nor the line of an authority its own key', (t) => {
  const untrusted = fault('E_SIGNER_UNTRUSTED');
  t.throws(() => verify(forge(certify(key, authority)), allowedBy(`builder ${key.line}`)), untrusted);
  t.throws(() => verify(forge(certify(key, authority)), allowedBy(`builder ${authority.line}`)), untrusted);
  t.throws(() => verify(forge(authority), trusted), untrusted);
});

test('where a PIN or a finger is asked for, touch is not enough', (t) => {
  const sign = (flags: number): void => {
    const one = newSkEd25519({ flags });
    const options = {
      message,
      signatureName: 'sig',
      namespace: bundleNamespace,
      now,
      userVerification: true,
    };
    verifyDetached({ ...options, signature: forge(one), allowed: allowedBy(`builder ${one.line}`) });
  };
  t.notThrows(() => sign(5));
  t.throws(() => sign(1), fault('E_SIGNER_UNTRUSTED'));
  t.throws(() => sign(4), fault('E_SIGNATURE_INVALID'));
});
