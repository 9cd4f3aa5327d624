import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { defaultPolicy, parsePolicy, readPolicy, type TrustPolicy } from '../../src/trust/read-policy.ts';
import { fault, withTempDir } from './fixtures.ts';

function policy(fields: Readonly<Record<string, unknown>>): TrustPolicy {
  return parsePolicy(
    Buffer.from(JSON.stringify({ schema: 'packferry.policy/v1', ...fields })),
    'policy.json',
  );
}

test('a policy that says nothing leaves the defaults, and still has a name and a hash', (t) => {
  const found = policy({});
  t.regex(found.sha256 ?? '', /^[0-9a-f]{64}$/);
  t.deepEqual(found, { ...defaultPolicy, name: 'policy.json', sha256: found.sha256 });
});

test('every rule is read, and the age is in seconds', (t) => {
  const rules = {
    version: 7,
    threshold: 2,
    streams: ['soc-*'],
    maxSequenceJump: 10,
    allowRollback: false,
    requireUserVerification: true,
    requireExpiry: true,
  };
  t.like(policy({ ...rules, maxAge: '90d' }), { ...rules, maxAge: 90 * 86_400 });
});

const testRefused = test.macro((t, fields: Readonly<Record<string, unknown>>, message: RegExp) => {
  t.throws(() => policy(fields), { ...fault('E_TRUST_INVALID'), message });
});

test(
  'a mistyped rule must not vanish',
  testRefused,
  { treshold: 2 },
  /^policy\.json: "treshold": unknown key; did you mean "threshold"\?$/,
);
test('a rule in other case is another key', testRefused, { Threshold: 2 }, /"Threshold": unknown key/);
test('a threshold of zero would switch signatures off', testRefused, { threshold: 0 }, /: threshold: /);
test('a threshold is a whole number', testRefused, { threshold: 1.5 }, /: threshold: /);
test('a threshold is no text', testRefused, { threshold: '2' }, /: threshold: /);
test('a number that cannot be counted exactly', testRefused, { version: 2 ** 53 }, /: version: /);
test('an empty list of streams would take none', testRefused, { streams: [] }, /: streams: /);
test('a pattern that does not close', testRefused, { streams: ['a', 'soc-['] }, /: streams\.1: "\[" is not/);
test('an empty pattern', testRefused, { streams: [''] }, /: streams\.0: it is empty/);
test('an age without a unit', testRefused, { maxAge: '90' }, /: maxAge: "90" is no time span/);
test('another schema', testRefused, { schema: 'packferry.policy/v2' }, /: schema: /);
test('a rule that is null is not a rule that is absent', testRefused, { maxAge: null }, /: maxAge: /);

test('all mistakes are told', (t) => {
  const error = t.throws(() => policy({ threshold: 0, streams: [], x: 1 }), fault('E_TRUST_INVALID'));
  t.is(error.errors.length, 3);
});

test('no acceptable JSON: a key that stands twice, a second document, a byte order mark', (t) => {
  const parse = (text: string): TrustPolicy => parsePolicy(Buffer.from(text), 'policy.json');
  const schema = '"schema": "packferry.policy/v1"';
  t.throws(() => parse(`{${schema}, "threshold": 2, "threshold": 1}`), {
    ...fault('E_TRUST_INVALID'),
    message: /"threshold" stands twice/,
  });
  t.throws(() => parse(`{${schema}}{}`), fault('E_TRUST_INVALID'));
  t.throws(() => parse(`\u{feff}{${schema}}`), fault('E_TRUST_INVALID'));
  t.throws(() => parse(`{${schema}}${' '.repeat(64 * 1024)}`), fault('E_TRUST_INVALID'));
});

test('a policy that is named and missing is an error, not the defaults', (t) =>
  withTempDir(async (folder) => {
    const file = path.join(folder, 'policy.json');
    await t.throwsAsync(() => readPolicy(file), fault('E_TRUST_UNREADABLE'));
    await writeFile(file, '{"schema":"packferry.policy/v1","threshold":3}');
    t.is((await readPolicy(file)).threshold, 3);
  }));
