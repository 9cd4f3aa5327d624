import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { readHostCertificate, unfitnessOf } from '../../src/ssh/host-certificate.ts';
import { certify, seconds, type CertificateParts } from '../trust/certificates.ts';
import { now } from '../trust/fixtures.ts';
import { newEd25519, newP256, newRsa, newSkEd25519 } from '../trust/keys.ts';
import { dice, flipBit, splice } from '../trust/mutations.ts';

const authority = newEd25519();
const key = newP256();
const host: Partial<CertificateParts> = { kind: 2, principals: ['a.example', 'b.example'] };
const name = 'ssh://a.example';

test('the key, the authority and what it says are read', (t) => {
  const read = readHostCertificate(certify(key, authority, host).blob, name);
  t.deepEqual(read?.key, { type: 'ecdsa-sha2-nistp256', blob: key.blob });
  t.true(read?.certificate.authority.equals(authority.blob));
  t.regex(read?.account ?? '', /^certificate "the builder", serial 41, of the authority ssh-ed25519 SHA256:/);
  t.is(readHostCertificate(key.blob, name), undefined, 'a plain key');
});

test('what a certificate says is fit for a terminal, and short', (t) => {
  const names = Array.from({ length: 200 }, (_, index) => `\u202e\x1b[2J${'x'.repeat(200)}${index}`);
  const odd = { ...host, keyId: '\u202eko\x1b[31m\x9b', principals: names };
  const read = readHostCertificate(certify(key, authority, odd).blob, name);
  if (read === undefined) return t.fail();
  const words = `${read.account} ${unfitnessOf(read, 'a.example', now) ?? ''}`;
  t.notRegex(words, /[\p{Cc}\p{Cf}]/u);
  t.true(words.length < 1000, `${words.length}`);
  t.true(words.includes('and 197 more'), words);
});

test('security keys certify, too', (t) => {
  t.truthy(readHostCertificate(certify(key, newSkEd25519(), host).blob, name));
});

/** What becomes of bytes that are no certificate: an error with the code of unknown hosts, and no other. */
const outcome = (blob: Buffer): string => {
  try {
    return readHostCertificate(blob, name) === undefined ? 'plain' : 'read';
  } catch (fault) {
    return fault instanceof PackferryError ? fault.code : String(fault);
  }
};

test('a certificate that is cut anywhere is none', (t) => {
  for (const certified of [key, newEd25519(), newRsa()]) {
    const { blob } = certify(certified, authority, host);
    const type = 4 + certified.type.certificateName.length;
    for (let length = 0; length < blob.length; length += 1)
      t.is(
        outcome(blob.subarray(0, length)),
        length < type ? 'plain' : 'E_HOST_KEY_UNKNOWN',
        `${length} bytes`,
      );
  }
});

test('a certificate with any byte changed, put in or taken out is none, or a key of another type', (t) => {
  const { blob } = certify(key, authority, host);
  const type = 4 + key.type.certificateName.length;
  const roll = dice(20_261_126);
  const seen = new Set<string>();
  for (let round = 0; round < 3000; round += 1) {
    const at = type + roll(blob.length - type);
    const changes = [
      () => Buffer.concat([blob.subarray(0, type), flipBit(blob.subarray(type), roll)]),
      () => splice(blob, at, 4, Buffer.from([0xff, 0xff, 0xff, 0xff])),
      () => splice(blob, at, 0, Buffer.of(roll(256))),
      () => splice(blob, at, 1 + roll(40)),
    ];
    const change = changes[round % changes.length] ?? (() => blob);
    seen.add(outcome(change()));
  }
  t.deepEqual([...seen], ['E_HOST_KEY_UNKNOWN']);
  t.is(outcome(blob), 'read');
});

const fits = test.macro({
  exec(t, changes: Partial<CertificateParts>, unfitness: RegExp | undefined, hostName?: string) {
    const read = readHostCertificate(certify(key, authority, { ...host, ...changes }).blob, name);
    if (read === undefined) return t.fail();
    const found = unfitnessOf(read, hostName ?? 'a.example', now);
    if (unfitness === undefined) t.is(found, undefined);
    else t.regex(found ?? 'it fits', unfitness);
  },
  title: (what) => `a certificate ${what}`,
});
const time = seconds(now);
test('of the host', fits, {}, undefined);
test('of the host by its second name', fits, {}, undefined, 'b.example');
test('of nobody is of everybody', fits, { principals: [] }, undefined);
test('of another host', fits, {}, /is for "a\.example", "b\.example", not for "c\.example"/, 'c.example');
test('with a wildcard means just that', fits, { principals: ['*.example'] }, /is for "\*\.example"/);
test('whose name is written in another case', fits, { principals: ['A.example'] }, /is for "A\.example"/);
test('of a user', fits, { kind: 1 }, /of a user/);
test('from this second on', fits, { validAfter: time }, undefined);
test('from the next second on', fits, { validAfter: time + 1n }, /only from 2026-11-23T12:00:01/);
test('until the next second', fits, { validBefore: time + 1n }, undefined);
test('until this second', fits, { validBefore: time }, /was valid until 2026-11-23T12:00:00/);
test('for ever', fits, { validAfter: 0n, validBefore: 2n ** 64n - 1n }, undefined);
test('from the end of time on', fits, { validAfter: 2n ** 64n - 1n }, /from second 18446744073709551615/);
test('with a critical option', fits, { criticalOptions: { 'force-command': 'x' } }, /"force-command"/);
test('with an extension', fits, { extensions: { 'odd@example.org': '1' } }, undefined);
