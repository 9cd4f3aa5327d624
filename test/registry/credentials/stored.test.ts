import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { messageOf } from '../../../src/core/errors.ts';
import type { Credential, CredentialSource } from '../../../src/registry/credentials/credential.ts';
import { storedCredentials } from '../../../src/registry/credentials/stored.ts';
import { helperAnswer, writeHelper } from '../../helpers/credential-helper.ts';
import { failure } from '../../helpers/registry-context.ts';
import { withTempFolder } from '../../helpers/system-service.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const hub = 'https://index.docker.io/v1/';

/** The accounts of files with this content, the first asked first. */
async function accounts(
  folder: string,
  contents: readonly unknown[],
  options: { environment?: Record<string, string>; timeout?: number; named?: boolean } = {},
): Promise<CredentialSource> {
  const { environment = { PATH: '/usr/bin:/bin' }, timeout = 10_000, named = false } = options;
  const places = await Promise.all(
    contents.map(async (content, at) => {
      const file = path.join(folder, `auth-${at}.json`);
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      if (content !== undefined) await writeFile(file, text);
      return { file, named };
    }),
  );
  return storedCredentials(places, { environment, timeout });
}

function accountOf(found: Credential | undefined): string | undefined {
  if (found === undefined) return undefined;
  return found.kind === 'identity' ? `token ${found.token}` : `${found.username}:${found.password}`;
}

const finds = test.macro({
  async exec(t, config: unknown, host: string, repository: string, expected: string | undefined) {
    await withTempFolder(async (folder) => {
      const source = await accounts(folder, [config]);
      t.is(accountOf(await source.find(host, repository)), expected);
    });
  },
  title: (title) => `stored accounts: ${title ?? ''}`,
});

const oneHost = { auths: { 'r.example:5000': { auth: base64('me:pass:word') } } };
test('user and password, which may have colons', finds, oneHost, 'r.example:5000', 'a/b', 'me:pass:word');
test('a host is not part of another', finds, oneHost, 'xr.example:5000', 'a', undefined);
test('a port is part of the host', finds, oneHost, 'r.example', 'a', undefined);
test(
  'a host in a path is no host',
  finds,
  { auths: { 'evil.example/r.example': { auth: base64('a:b') } } },
  'r.example',
  'a',
  undefined,
);
test(
  'username and password in plain, as some tools write them',
  finds,
  { auths: { 'r.example': { username: 'me', password: 'pw' } } },
  'r.example',
  'a',
  'me:pw',
);
test(
  'an identity token wins over the password beside it',
  finds,
  { auths: { 'r.example': { auth: base64('me:'), identitytoken: 'idt' } } },
  'r.example',
  'a',
  'token idt',
);
test(
  'Docker Hub',
  finds,
  { auths: { [hub]: { auth: base64('hub:pw') } } },
  'docker.io',
  'demisto/a',
  'hub:pw',
);
test(
  'a scheme and a path',
  finds,
  { auths: { 'https://r.example/v2/': { auth: base64('a:b') } } },
  'r.example',
  'x',
  'a:b',
);
test(
  'zero bytes at the end go',
  finds,
  { auths: { 'r.example': { auth: base64('a:b\0\0') } } },
  'r.example',
  'x',
  'a:b',
);
test('an entry without content', finds, { auths: { 'r.example': {} } }, 'r.example', 'x', undefined);
test(
  'other keys of the file',
  finds,
  { ...oneHost, HttpHeaders: { a: 'b' }, plugins: {} },
  'r.example:5000',
  'x',
  'me:pass:word',
);
test('an empty file', finds, '', 'r.example', 'x', undefined);
test(
  'the longest path wins, by whole parts',
  finds,
  {
    auths: {
      'r.example': { auth: base64('host:x') },
      'r.example/team': { auth: base64('team:x') },
      'r.example/team/app': { auth: base64('app:x') },
    },
  },
  'r.example',
  'team/application',
  'team:x',
);

test('stored accounts: the first file that knows the host counts', async (t) => {
  await withTempFolder(async (folder) => {
    const source = await accounts(folder, [
      undefined,
      { auths: { 'a.example': { auth: base64('first:x') } } },
      { auths: { 'a.example': { auth: base64('second:x') }, 'b.example': { auth: base64('b:x') } } },
    ]);
    t.is(accountOf(await source.find('a.example', 'x')), 'first:x');
    const found = await source.find('b.example', 'x');
    t.is(accountOf(found), 'b:x');
    t.is(found?.from, path.join(folder, 'auth-2.json'));
  });
});

test('stored accounts: the helper of the host, before that of all, before the file', async (t) => {
  await withTempFolder(async (folder) => {
    await writeHelper(folder, 'all', { 'b.example': helperAnswer('b.example', 'b', 'all') });
    const own = await writeHelper(folder, 'own', {
      'a.example': helperAnswer('a.example', 'a', 'own'),
      [hub]: helperAnswer(hub, 'hub', 'own'),
    });
    const config = {
      credHelpers: { 'a.example': 'own', 'docker.io': 'own', 'plain.example': '' },
      credsStore: 'all',
      auths: {
        'a.example': { auth: base64('file:x') },
        'c.example': { auth: base64('file:x') },
        'plain.example': { auth: base64('plain:x') },
      },
    };
    const source = await accounts(folder, [config], { environment: own.environment });
    t.is(accountOf(await source.find('a.example', 'x')), 'a:own');
    t.is(accountOf(await source.find('b.example', 'x')), 'b:all');
    t.is(accountOf(await source.find('docker.io', 'demisto/x')), 'hub:own');
    t.is(accountOf(await source.find('c.example', 'x')), undefined, 'not what stands in the file');
    t.is(accountOf(await source.find('plain.example', 'x')), 'plain:x', 'an empty name means no helper');
  });
});

test('stored accounts: a helper is asked once for a host, also by many at once', async (t) => {
  await withTempFolder(async (folder) => {
    const helper = await writeHelper(folder, 'one', { 'r.example': helperAnswer('r.example', 'me', 'pw') });
    const source = await accounts(folder, [{ credsStore: 'one' }], { environment: helper.environment });
    await Promise.all(Array.from({ length: 8 }, async (_, at) => source.find('r.example', `a/${at}`)));
    await source.find('r.example', 'b');
    await source.find('other.example', 'b');
    t.deepEqual(await helper.calls(), ['get r.example', 'get other.example']);
  });
});

test('stored accounts: <token> stands for an identity token', async (t) => {
  await withTempFolder(async (folder) => {
    const helper = await writeHelper(folder, 'idt', {
      'r.example': helperAnswer('r.example', '<token>', 'idt'),
    });
    const source = await accounts(folder, [{ credsStore: 'idt' }], { environment: helper.environment });
    const found = await source.find('r.example', 'x');
    t.is(accountOf(found), 'token idt');
    t.is(found?.from, 'docker-credential-idt');
  });
});

const breaks = test.macro({
  async exec(t: ExecutionContext, name: string, otherwise: string, expected: RegExp, timeout?: number) {
    await withTempFolder(async (folder) => {
      const { environment } = await writeHelper(folder, 'broken', {}, otherwise);
      const source = await accounts(folder, [{ credHelpers: { 'r.example': name } }], {
        environment,
        timeout: timeout ?? 60_000,
      });
      const error = await failure(t, 'E_CREDENTIALS', async () => source.find('r.example', 'x'));
      t.regex(error.message, expected);
      t.regex(error.message, /r\.example/);
      t.regex(error.message, new RegExp(`docker-credential-${name.replace(/[/.]/g, '.')}`));
      const shown = `${error.message}${error.hint ?? ''}${error.stack ?? ''}${messageOf(error.cause)}`;
      t.false(shown.includes('s3cr3t'), shown);
    });
  },
  title: (title) => `credential helper: ${title ?? ''}`,
});
test('missing', breaks, 'missing', '', /not on this machine/);
test('a name that leads out of PATH', breaks, '../../bin/evil', '', /no name of a helper/);
test('a fault, whose words may hold a secret', breaks, 'broken', "echo 's3cr3t'; exit 3", /status 3/);
test('an answer that is no JSON', breaks, 'broken', "echo 's3cr3t'", /no usable answer/);
test('an answer without user', breaks, 'broken', 'echo \'{"Secret":"s3cr3t"}\'', /no usable answer/);
test('endless words', breaks, 'broken', 'yes s3cr3t', /says more/);
test('no answer', breaks, 'broken', 'exec sleep 60', /no answer for 1.5 s/, 1500);

const unreadable = test.macro({
  async exec(t, content: unknown, expected: RegExp) {
    await withTempFolder(async (folder) => {
      const source = await accounts(folder, [content]);
      const error = await failure(t, 'E_CREDENTIALS', async () => source.find('r.example', 'x'));
      t.regex(error.message, expected);
      t.regex(error.message, /auth-0\.json/);
      t.false(`${error.message}${error.stack ?? ''}${messageOf(error.cause)}`.includes('s3cr3t'));
    });
  },
  title: (title) => `stored accounts refused, without a word of the content: ${title ?? ''}`,
});
test('no JSON', unreadable, '{"auths": {"r.example": {"auth": s3cr3t}}}', /no JSON/);
test('cut off', unreadable, '{"auths": {"r.example": {"auth": "s3cr3t', /no JSON/);
test('of another shape', unreadable, { auths: { 'r.example': 's3cr3t' } }, /auths\.r\.example is wrong/);
test('no base64', unreadable, { auths: { 'r.example': { auth: 's3cr3t!' } } }, /base64/);
test('no colon', unreadable, { auths: { 'r.example': { auth: base64('s3cr3t') } } }, /USER:PASSWORD/);

test('stored accounts: a file that was named must be there', async (t) => {
  await withTempFolder(async (folder) => {
    const source = await accounts(folder, [undefined], { named: true });
    const error = await failure(t, 'E_CREDENTIALS', async () => source.find('r.example', 'x'));
    t.regex(error.message, /no such file/);
  });
});
