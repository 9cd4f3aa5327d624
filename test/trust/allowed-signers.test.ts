import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { AllowedSigner } from '../../src/trust/allowed-line.ts';
import { parseAllowedSigners, readAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { certify } from './certificates.ts';
import { fault, withTempDir } from './fixtures.ts';
import { newEd25519, newP256, newRsa, newSkEd25519 } from './keys.ts';

const { line: key, blob } = newEd25519();
const base64 = blob.toString('base64');
const { line: ecKey } = newP256();
const { line: rsaKey } = newRsa();
const { line: weakKey } = newRsa(1024);
const parse = (text: string): readonly AllowedSigner[] =>
  parseAllowedSigners(Buffer.from(text, 'utf8'), 'allowed_signers').signers;

const reads = test.macro({
  exec: (t, text: string, expected: Partial<Record<keyof AllowedSigner | 'comment', string>>) => {
    const [signer, ...more] = parse(text);
    t.deepEqual(more, []);
    t.deepEqual(
      {
        principals: signer?.principals.text,
        namespaces: signer?.namespaces?.text,
        validAfter: signer?.validAfter?.toISOString(),
        validBefore: signer?.validBefore?.toISOString(),
        comment: signer?.key.comment,
      },
      {
        namespaces: undefined,
        validAfter: undefined,
        validBefore: undefined,
        comment: '',
        ...expected,
      },
    );
  },
  title: (given) => `read: ${given ?? ''}`,
});

const principals = 'builder';
test('a plain line', reads, `builder ${key}`, { principals });
test('a comment', reads, `builder ${key} of  the team \t`, { principals, comment: 'of  the team' });
test('an ECDSA key', reads, `builder ${ecKey}`, { principals });
test('an RSA key', reads, `builder ${rsaKey}`, { principals });
test('a security key', reads, `builder ${newSkEd25519().line}`, { principals });
test('tabs and leading spaces', reads, ` \tbuilder\t ${key.replace(' ', '\t')}`, { principals });
test('CRLF lines', reads, `# comment\r\nbuilder ${key} me\r\n`, { principals, comment: 'me' });
test('patterns', reads, `*@example.com,!root@*,b?b ${key}`, { principals: '*@example.com,!root@*,b?b' });
test('comments and blank lines', reads, `# one\n\n  # two\n \t\nbuilder ${key}\n\n`, { principals });
test('namespaces', reads, `builder namespaces="a,b" ${key}`, { principals, namespaces: 'a,b' });
test('a name in capitals', reads, `builder NameSpaces="a" ${key}`, { principals, namespaces: 'a' });
test('spaces in quotes', reads, `builder namespaces="a b" ${key}`, { principals, namespaces: 'a b' });
test('a quote in quotes', reads, `builder namespaces="a\\"b" ${key}`, { principals, namespaces: 'a"b' });
test('a comma in a comment', reads, `builder ${key} a="b",c`, { principals, comment: 'a="b",c' });
test('a window', reads, `builder valid-after="20260101Z",valid-before="202612312359Z" ${key}`, {
  principals,
  validAfter: '2026-01-01T00:00:00.000Z',
  validBefore: '2026-12-31T23:59:00.000Z',
});
test(
  'all options',
  reads,
  `builder valid-before="20261231235959Z",namespaces="a",valid-after="20260101Z" ${key}`,
  {
    principals,
    namespaces: 'a',
    validAfter: '2026-01-01T00:00:00.000Z',
    validBefore: '2026-12-31T23:59:59.000Z',
  },
);

const isRefused = test.macro({
  exec: (t, line: string) => {
    const error = t.throws(() => parse(`good ${key}\n${line}\n`), fault('E_TRUST_INVALID'));
    t.regex(error.message, /^allowed_signers:2: /);
  },
  title: (given) => `refused: ${given ?? ''}`,
});

test('principals alone', isRefused, 'builder');
test('no principals', isRefused, key);
test('quoted principals', isRefused, `"builder" ${key}`);
test('an empty pattern', isRefused, `builder,,ops ${key}`);
test('a comma at the end', isRefused, `builder, ${key}`);
test('only exclusions', isRefused, `!builder ${key}`);
test('an exclusion of nothing', isRefused, `!,builder ${key}`);
test('an invisible character in a name', isRefused, `build\u200ber ${key}`);
test('text that turns round in a name', isRefused, `\u202ebuilder ${key}`);
test('a byte order mark', isRefused, `\ufeffbuilder ${key}`);
test('a control character', isRefused, `builder ${key} \u001b[31m`);
test('a NUL', isRefused, `builder ${key}\0`);
test('a carriage return inside', isRefused, `builder\r${key}`);
test('an option and no key', isRefused, 'builder namespaces="a"');
test('an unknown option', isRefused, `builder no-touch-required ${key}`);
test('an unknown option with a value', isRefused, `builder command="x" ${key}`);
test('a certificate authority with a value', isRefused, `builder cert-authority="yes" ${key}`);
test('a certificate authority twice', isRefused, `builder cert-authority,cert-authority ${key}`);
test('a certificate', isRefused, `builder ${certify(newEd25519(), newEd25519()).line}`);
test(
  'a certificate as authority',
  isRefused,
  `builder cert-authority ${certify(newEd25519(), newEd25519()).line}`,
);
test('an RSA key of 1024 bits', isRefused, `builder ${weakKey}`);
test('an option twice', isRefused, `builder namespaces="a",namespaces="b" ${key}`);
test(
  'an option twice in other letters',
  isRefused,
  `builder valid-after="20260101Z",VALID-AFTER="20260101Z" ${key}`,
);
test('a space between options', isRefused, `builder namespaces="a", valid-after="20260101Z" ${key}`);
test('a comma before the options', isRefused, `builder ,namespaces="a" ${key}`);
test('a comma after the options', isRefused, `builder namespaces="a", ${key}`);
test('an option without a value', isRefused, `builder namespaces ${key}`);
test('an option without quotes', isRefused, `builder namespaces=a ${key}`);
test('a quote that does not end', isRefused, `builder namespaces="a ${key}`);
test('a quote that ends escaped', isRefused, `builder namespaces="a\\" ${key}`);
test('text after a quote', isRefused, `builder namespaces="a"b ${key}`);
test('no namespace', isRefused, `builder namespaces="" ${key}`);
test('an empty namespace', isRefused, `builder namespaces="a," ${key}`);
test('only excluded namespaces', isRefused, `builder namespaces="!a" ${key}`);
test('a time that is none', isRefused, `builder valid-after="tomorrow" ${key}`);
test('an empty time', isRefused, `builder valid-before="" ${key}`);
test(
  'a window that ends before it starts',
  isRefused,
  `builder valid-after="20260102Z",valid-before="20260101Z" ${key}`,
);
test('a window of nothing', isRefused, `builder valid-after="20260101Z",valid-before="20260101Z" ${key}`);
test('an unknown key type', isRefused, `builder ssh-ed448 ${base64}`);
test('the short name of a key type', isRefused, `builder ED25519 ${base64}`);
test('a key type in capitals', isRefused, `builder SSH-ED25519 ${base64}`);
test('a key without its type', isRefused, `builder ${base64}`);
test('no base64', isRefused, 'builder ssh-ed25519');
test('base64 cut short', isRefused, `builder ssh-ed25519 ${base64.slice(0, -1)}`);
test('base64 with a foreign letter', isRefused, `builder ssh-ed25519 ${base64.replace('A', '!')}`);
test('base64 of something else', isRefused, 'builder ssh-ed25519 AAAA');
test('the key of another type', isRefused, `builder ecdsa-sha2-nistp256 ${base64}`);
test('a key cut short', isRefused, `builder ssh-ed25519 ${blob.subarray(0, 48).toString('base64')}`);
test(
  'a key with more bytes',
  isRefused,
  `builder ssh-ed25519 ${Buffer.concat([blob, Buffer.alloc(3)]).toString('base64')}`,
);

test('a certificate authority is read in any case, with other options', (t) => {
  const [plain, authority] = parse(`a ${key}\nb namespaces="a",Cert-Authority ${key}\n`);
  t.is(plain?.certAuthority, undefined);
  t.true(authority?.certAuthority);
  t.is(authority?.namespaces?.text, 'a');
});

test('all mistakes are told at once, each with its line', (t) => {
  const text = `builder ${key}\nbuilder\n# fine\n!x ${key}\nbuilder command="x" ${key}\n`;
  const error = t.throws(() => parse(text), fault('E_TRUST_INVALID'));
  t.true(error instanceof PackferryError);
  const lines = error instanceof PackferryError ? error.errors.map(({ message }) => message) : [];
  t.deepEqual(
    lines.map((line) => /^allowed_signers:(\d+): /.exec(line)?.[1]),
    ['2', '4', '5'],
  );
});

const invalidFile = test.macro({
  exec: (t, bytes: Buffer) => {
    t.throws(() => parseAllowedSigners(bytes, 'allowed_signers'), fault('E_TRUST_INVALID'));
  },
  title: (given) => `refused as a whole: ${given ?? ''}`,
});

test('an empty file', invalidFile, Buffer.alloc(0));
test('a file of comments', invalidFile, Buffer.from('# nobody yet\n\n'));
test('a file that is not UTF-8', invalidFile, Buffer.from(`b\xfcilder ${key}\n`, 'latin1'));

test('a file is read from disk, and only a regular one of bounded size', (t) =>
  withTempDir(async (folder) => {
    const file = path.join(folder, 'allowed_signers');
    await writeFile(file, `builder ${key}\n`);
    t.deepEqual((await readAllowedSigners(file)).signers[0]?.key.blob, blob);
    t.is((await readAllowedSigners(file)).name, file);

    const unreadable = fault('E_TRUST_UNREADABLE');
    await t.throwsAsync(readAllowedSigners(path.join(folder, 'absent')), unreadable);
    await mkdir(path.join(folder, 'folder'));
    await t.throwsAsync(readAllowedSigners(path.join(folder, 'folder')), unreadable);
    // A pipe that nobody writes to must not hold us up.
    const pipe = spawnSync('mkfifo', [path.join(folder, 'pipe')]);
    if (pipe.status === 0) await t.throwsAsync(readAllowedSigners(path.join(folder, 'pipe')), unreadable);
    await writeFile(file, Buffer.alloc(limits.allowedSigners, '#'));
    await t.throwsAsync(readAllowedSigners(file), fault('E_TRUST_INVALID'));
    await writeFile(file, Buffer.alloc(limits.allowedSigners + 1, '#'));
    await t.throwsAsync(readAllowedSigners(file), unreadable);
  }));
