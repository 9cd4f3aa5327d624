import test from 'ava';
import { digestOf, hexOf, isDigest, parseDigest, shortDigest } from '../../src/core/digest.ts';

// The sha256 of nothing and of "abc" (FIPS 180-4, examples).
const ofNothing = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ofAbc = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

test('digests of known content', (t) => {
  t.is(digestOf(''), ofNothing);
  t.is(digestOf(Buffer.from('abc')), ofAbc);
});

test('hex and short forms', (t) => {
  t.is(hexOf(ofAbc), ofAbc.slice(7));
  t.is(shortDigest(ofAbc), 'ba7816bf8f01');
});

test('a digest is read as it stands', (t) => {
  t.true(isDigest(ofAbc));
  t.is(parseDigest(ofAbc, 'here'), ofAbc);
});

const refused = test.macro({
  exec(t, text: string) {
    t.false(isDigest(text));
    const fault = t.throws(() => parseDigest(text, 'lock.json, image 3'), { code: 'E_DIGEST_INVALID' });
    t.true(fault.message.startsWith('lock.json, image 3: '));
    t.true(fault.message.length < 300);
  },
  title: (what) => `no digest: ${what}`,
});
test('nothing', refused, '');
test('hex alone', refused, ofAbc.slice(7));
test('upper case', refused, ofAbc.toUpperCase());
test('one digit short', refused, ofAbc.slice(0, -1));
test('one digit more', refused, `${ofAbc}0`);
test('another algorithm', refused, `sha512:${ofAbc.slice(7).repeat(2)}`);
test('a line break behind', refused, `${ofAbc}\n`);
test('a space before', refused, ` ${ofAbc}`);
test('a path', refused, 'sha256:../../../../etc/passwd');
test('very long text', refused, 'x'.repeat(100_000));
