import test from 'ava';
import { noteAccount, noteSecret, noteSecretParameters, redact, redactAll } from '../../src/core/redact.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('a secret goes in every form in which it may be written', (t) => {
  const secret = 'gr33n/ca+bbage "wïth" %20';
  noteSecret(secret);
  const forms = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ password: secret }).toString(),
    JSON.stringify({ password: secret }),
    base64(secret),
    Buffer.from(secret).toString('base64url'),
  ];
  for (const form of forms) t.regex(redact(`before ${form} after`), /^before \S*\*\*\*.* after$/, form);
});

test('a secret goes out of the base64 of something longer, wherever it begins there', (t) => {
  noteSecret('canary-in-a-mine');
  for (const before of ['', 'x', 'xy', 'xyz']) {
    const text = redact(base64(`${before}canary-in-a-mine and more`));
    t.true(text.includes('***'), text);
    t.false(Buffer.from(text.replaceAll('***', ''), 'base64').toString().includes('ary-in-a-mi'), text);
  }
});

test('an account goes as the base64 that is sent of it, also under another name', (t) => {
  noteAccount('robot$soc', 'a-password-of-some-length');
  t.is(redact(`got ${base64('robot$soc:a-password-of-some-length')}`), 'got ***');
  t.false(redact(base64('somebody:a-password-of-some-length')).includes(base64('length').slice(0, 6)));
});

test('the longest secret goes first, so that nothing of it stays behind a shorter one', (t) => {
  noteSecret('longer-secret');
  noteSecret('longer-secret-with-a-tail');
  t.is(redact('longer-secret-with-a-tail'), '***');
});

test('what is too short to be a secret stays: a text without its letters says nothing', (t) => {
  noteSecret('');
  noteSecret('e');
  noteSecret('the');
  t.is(redact('the engine'), 'the engine');
});

const byForm = test.macro({
  exec(t, text: string, expected: string) {
    t.is(redact(text), expected);
  },
  title: (_, text: string) => `by its form: ${text}`,
});
test(byForm, 'https://soc:hunter2@registry.example/v2/', 'https://***@registry.example/v2/');
test(byForm, 'https://ghp_0123456789@registry.example', 'https://***@registry.example');
test(byForm, 'http://soc:p@ss@registry.example', 'http://***@registry.example');
test(byForm, 'ftp://soc:hunter2@host', 'ftp://soc:***@host');
test(byForm, 'ssh://soc@host:22', 'ssh://soc@host:22');
test(byForm, '"soc:hunter2@registry.example:5000" is no host', '"***@registry.example:5000" is no host');
test(byForm, 'docker.io=soc:hunter2@registry.example', 'docker.io=***@registry.example');
test(byForm, 'python3:3.12@sha256:00, a:1@sha512:00', 'python3:3.12@sha256:00, a:1@sha512:00');
test(byForm, 'signed by builder@soc.example', 'signed by builder@soc.example');
test(byForm, 'registry.example:5000/a@sha256:00', 'registry.example:5000/a@sha256:00');
test(byForm, 'authorization: Basic c29jOmh1bnRlcg==', 'authorization: Basic ***');
test(byForm, "{'Authorization': 'Bearer abc.def-ghi_jklmn'}", "{'Authorization': 'Bearer ***'}");
test(byForm, 'Bearer realm="https://auth.example/token"', 'Bearer realm="https://auth.example/token"');
test(byForm, 'a Basic question', 'a Basic question');
test(
  byForm,
  'https://s3.example/b?X-Amz-Date=20261125&X-Amz-Signature=abcdef&x=1',
  'https://s3.example/b?X-Amz-Date=20261125&X-Amz-Signature=***&x=1',
);
test(byForm, 'https://blob.example/b?se=2026&sig=a%2Fb%3D', 'https://blob.example/b?se=2026&sig=***');
test(byForm, '{"token":"abc\\"def", "n":1}', '{"token":"***", "n":1}');

test('the signature of an address that was met goes, wherever it is repeated', (t) => {
  noteSecretParameters(new URL('https://cdn.example/b?Expires=1&Signature=sIgNaTuRe~42&size=10000'));
  t.is(redact('AccessDenied: sIgNaTuRe~42 of size 10000'), 'AccessDenied: *** of size 10000');
});

test('in values for JSON only texts change: numbers and names stay', (t) => {
  noteSecret('123456');
  t.deepEqual(redactAll({ size: 123456, name123456: ['a 123456', null, true] }), {
    size: 123456,
    name123456: ['a ***', null, true],
  });
});

test('hostile text is looked through in a moment', (t) => {
  const start = performance.now();
  for (const text of ['a', ':', '://', '?token', '@', 'Basic ', '"auth":"', ' ']) {
    redact(text.repeat(64 * 1024));
  }
  // A tenth of a second alone, and minutes if it looked at every pair of places.
  t.true(performance.now() - start < 30_000);
});

test('a short secret does not take digests and fingerprints apart: they are what evidence is made of', (t) => {
  noteSecret('beef');
  noteSecret('SHA256');
  const digest = `sha256:${'beef'.repeat(16)}`;
  const fingerprint = `SHA256:${'beef/'.repeat(9).slice(0, 43)}`;
  t.is(redact(`beef ${digest} by ${fingerprint}, beef`), `*** ${digest} by ${fingerprint}, ***`);
  t.deepEqual(redactAll({ previous: 'beef'.repeat(16), schema: 'SHA256.beef' }), {
    previous: 'beef'.repeat(16),
    schema: '***.***',
  });
});

test('a secret that has the form of a digest goes like any other, also with more beside it', (t) => {
  const token = 'a1b2'.repeat(16);
  noteSecret(token);
  t.is(redact(`Token ${token}`), 'Token ***');
  noteSecret(`glpat-${'c3d4'.repeat(16)}-x`);
  t.is(redact(`glpat-${'c3d4'.repeat(16)}-x`), '***');
});
