import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { packferry } from '../helpers/cli.ts';
import { withSite, writeKey, type Site } from '../helpers/cli-site.ts';
import { startProxy } from '../helpers/connect-proxy.ts';
import { helperAnswer, writeHelper } from '../helpers/credential-helper.ts';
import { scripted } from '../helpers/registry-context.ts';
import { serveFrom, type Script } from '../helpers/registry-scripted.ts';

/** Secrets that stand nowhere else; with signs that URLs and JSON write in other ways. */
const canary = (name: string): string => `${name}-"${randomBytes(9).toString('hex')}/+`;

/** Every form in which a secret, or most of it, may be written. */
function formsOf(secret: string): string[] {
  // What stands around it changes only the ends of its base64.
  const inside = [0, 1, 2].map((before) =>
    Buffer.from(`${'x'.repeat(before)}${secret}`)
      .toString('base64')
      .replace(/=+$/, '')
      .slice(4, -2),
  );
  return [
    ...[secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)],
    // The random part alone is enough for whoever finds it.
    ...(/[0-9a-f]{18}/.exec(secret) ?? []),
    ...inside,
    ...inside.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
}

interface Stage {
  readonly site: Site;
  /** A file that holds secrets on purpose. */
  readonly input: (name: string, content: string) => Promise<string>;
  /** Runs packferry as a process of its own in every way of telling, and looks for the secrets in all that it leaves. */
  readonly run: (secrets: readonly string[], args: readonly string[], more?: More) => Promise<number>;
}

interface More {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Ways of telling, one for each run. */
const ways = [['--verbose'], ['--json', '--progress', 'json']];

async function withStage(t: ExecutionContext, use: (stage: Stage) => Promise<void>): Promise<void> {
  await withSite(async (site) => {
    const inputs = site.at('inputs');
    for (const name of ['inputs', 'tmp', 'home', 'cache']) await mkdir(site.at(name));
    const input = async (name: string, content: string): Promise<string> => {
      const file = path.join(inputs, name);
      await writeFile(file, content);
      return file;
    };
    const run: Stage['run'] = async (secrets, args, { env = {}, stdin } = {}) => {
      let status = 0;
      for (const way of ways) {
        const ran = await watched(
          packferry([...args, '--debug', ...way], {
            ...(stdin === undefined ? {} : { input: stdin }),
            env: {
              ...{ PATH: process.env['PATH'], HOME: site.at('home'), TMPDIR: site.at('tmp') },
              ...{ XDG_CACHE_HOME: site.at('cache'), PACKFERRY_STATE: site.state },
              ...env,
            },
          }),
        );
        ({ status } = ran);
        const texts = new Map([
          ['stdout', ran.stdout],
          ['stderr', ran.stderr],
          ['command lines', [...commandLines].join('\n')],
          ...(await readTree(site.folder, inputs)),
        ]);
        for (const [where, text] of texts) {
          for (const form of secrets.flatMap(formsOf)) {
            t.false(text.includes(form), `${form} in ${where} of ${args.join(' ')}:\n${text.slice(0, 4000)}`);
          }
        }
      }
      return status;
    };
    await use({ site, input, run });
  });
}

/** Every command line that any process had while packferry ran; secrets are of one test only, so one watch does for all. */
const commandLines = new Set<string>();
let running = 0;
let isWatching = false;

/** The arguments and the environment are all that other users of a machine can see of a process; these are the former. */
async function watched<T>(run: Promise<T>): Promise<T> {
  running += 1;
  if (!isWatching) void watch();
  try {
    return await run;
  } finally {
    running -= 1;
  }
}

async function watch(): Promise<void> {
  isWatching = true;
  // Looks every few milliseconds; nothing waits for it.
  while (running > 0) {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        commandLines.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        // It has ended.
      }
    }
    await setTimeout(15);
  }
  isWatching = false;
}

/** Everything below a folder as text, but what is meant to hold secrets. */
async function readTree(folder: string, except: string): Promise<[string, string][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(`${except}${path.sep}`));
  return Promise.all(files.map(async (file) => [file, await readFile(file, 'latin1')] as [string, string]));
}

/** A registry of the site's content that hands out `token` for `account`, and repeats all that it is told when it refuses. */
function guardedRegistry(
  { content }: Site,
  { account, token, signature }: { account?: string; token: string; signature?: string },
  refuses: 'nothing' | 'manifests' | 'blobs' | 'tokens',
): Script {
  return async (request, response) => {
    const said = `${request.authorization ?? ''} ${request.body} ${request.path}`;
    const refuse = (): void => {
      const errors = [
        { code: 'DENIED', message: `you said: ${said} ${Buffer.from(said).toString('base64')}` },
      ];
      response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
    };
    const url = new URL(request.path, 'http://registry');
    if (url.pathname === '/token') {
      const basic = `Basic ${Buffer.from(account ?? '').toString('base64')}`;
      const knows = account === undefined ? request.method === 'POST' : request.authorization === basic;
      if (refuses === 'tokens' || !knows) refuse();
      else response.end(JSON.stringify({ token, access_token: token, refresh_token: `${token}-refresh` }));
    } else if (url.pathname === '/storage') {
      const digest = url.searchParams.get('blob') ?? '';
      if (refuses === 'blobs') refuse();
      else await serveFrom(content, { ...request, path: digest }, response);
    } else if (request.authorization !== `Bearer ${token}`) {
      const realm = `http://${request.headers.host ?? ''}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
    } else if (refuses === 'manifests' && request.path.includes('/manifests/')) {
      refuse();
    } else if (request.path.includes('/blobs/') && signature !== undefined) {
      const query = new URLSearchParams({ blob: request.path, 'X-Amz-Signature': signature });
      response.writeHead(307, { location: `/storage?${query.toString()}` }).end();
    } else {
      await serveFrom(content, request, response);
    }
  };
}

/** Tokens are of signs that need no other form. */
const makeToken = (): string => `token.${randomBytes(9).toString('hex')}-${'long'.repeat(120)}`;

for (const refuses of ['nothing', 'manifests', 'blobs', 'tokens'] as const) {
  test(`threat 22: an account in a file, a token and a signed address stay secret when ${refuses} is refused`, async (t) => {
    await withStage(t, async ({ site, input, run }) => {
      const [password, token, signature] = [canary('password'), makeToken(), canary('signature')];
      const passphrase = canary('passphrase');
      const account = `soc:${password}`;
      const server = await scripted(t, guardedRegistry(site, { account, token, signature }, refuses));
      const auth = Buffer.from(account).toString('base64');
      const authfile = await input('auth.json', JSON.stringify({ auths: { [server.host]: { auth } } }));
      await writeKey(site.at('inputs', 'key'), site.at('trusted'), passphrase);
      const words = await input('words', `${passphrase}\n`);
      const manifest = await site.manifestFor('guarded.yml', server.host);
      const bundle = site.at('guarded');
      const key = ['--key', site.at('inputs', 'key'), '--passphrase-file', words];
      const secrets = [password, token, signature, passphrase, `${token}-refresh`];
      const status = await run(secrets, [
        ...['export', manifest, '-o', bundle, ...key, '--authfile', authfile, '--retries', '0'],
      ]);
      t.is(status === 0, refuses === 'nothing');
      t.true(server.seen.length > 0);
      if (refuses !== 'nothing') return;
      // The closed side: a receipt that is signed by a key with a passphrase, of a good import and of failed ones.
      const closed = ['--trusted-keys', site.at('trusted'), '--passphrase-file', words];
      const siteKey = ['--site-key', site.at('inputs', 'key')];
      const to = ['--to', `oci:${site.at('images')}`, '--yes'];
      t.is(await run(secrets, ['import', bundle, ...closed, ...siteKey, ...to]), 0);
      t.not(
        await run(secrets, [
          'import',
          bundle,
          '--trusted-keys',
          site.trusted,
          ...siteKey,
          '--passphrase-file',
          words,
        ]),
        0,
      );
      t.is(await run(secrets, ['receipt', 'show']), 0);
    });
  });
}

test('threat 22: an identity token stays secret, also when the token service repeats it', async (t) => {
  await withStage(t, async ({ site, input, run }) => {
    for (const refuses of ['manifests', 'tokens'] as const) {
      const [identity, token] = [canary('identity'), makeToken()];
      const server = await scripted(t, guardedRegistry(site, { token }, refuses));
      const auths = { [server.host]: { auth: '', identitytoken: identity } };
      const authfile = await input(`${refuses}.json`, JSON.stringify({ auths }));
      const manifest = await site.manifestFor(`${refuses}.yml`, server.host);
      t.not(await run([identity, token], ['plan', manifest, '--authfile', authfile, '--retries', '0']), 0);
      t.true(server.seen.some(({ body }) => body.includes('refresh_token')));
    }
  });
});

test('threat 22: what a credential helper gives stays secret', async (t) => {
  await withStage(t, async ({ site, input, run }) => {
    const [password, token] = [canary('helped'), makeToken()];
    const account = `soc:${password}`;
    const server = await scripted(t, guardedRegistry(site, { account, token }, 'manifests'));
    const answer = helperAnswer(server.host, 'soc', password);
    const helper = await writeHelper(site.at('inputs'), 'test', { [server.host]: answer });
    const authfile = await input('auth.json', JSON.stringify({ credHelpers: { [server.host]: 'test' } }));
    const manifest = await site.manifestFor('helped.yml', server.host);
    const PATH = `${helper.environment['PATH'] ?? ''}:${path.dirname(process.execPath)}`;
    const args = ['plan', manifest, '--authfile', authfile, '--retries', '0'];
    t.not(await run([password, token], args, { env: { PATH } }), 0);
    t.true(server.seen.some(({ authorization }) => authorization?.startsWith('Basic ') === true));
  });
});

test('threat 22: a password that is typed stays secret, whether the registry takes it or repeats it', async (t) => {
  await withStage(t, async ({ site, input, run }) => {
    for (const refuses of ['nothing', 'tokens'] as const) {
      const [password, token] = [canary('typed'), makeToken()];
      const server = await scripted(t, guardedRegistry(site, { account: `soc:${password}`, token }, refuses));
      const authfile = await input('login.json', '{}');
      const args = ['login', server.host, '-u', 'soc', '--password-stdin', '--authfile', authfile];
      const status = await run([password, token], [...args, '--retries', '0'], { stdin: `${password}\n` });
      t.is(status === 0, refuses === 'nothing');
    }
  });
});

test('threat 22: the password of a proxy stays secret: right, wrong, out of reach, or of no use', async (t) => {
  await withStage(t, async ({ site, run }) => {
    const password = canary('proxy');
    const user = `soc:${encodeURIComponent(password)}`;
    const proxy = await startProxy(t, site.host, { account: `soc:${password}` });
    const other = await startProxy(t, site.host, { account: 'soc:another' });
    const manifest = await site.manifestFor('proxied.yml', 'registry.test:5000');
    for (const address of [
      `http://${user}@${proxy.host}`,
      `http://${user}@${other.host}`,
      `http://${user}@127.0.0.1:9`,
      `socks5://${user}@${proxy.host}`,
      `http://${user}@:::`,
    ]) {
      const env = { HTTP_PROXY: address, HTTPS_PROXY: address };
      await run([password], ['plan', manifest, '--retries', '0'], { env });
    }
    t.true(proxy.asked.length + other.asked.length > 0);
  });
});

test('threat 22: passwords that stand in addresses on the command line or in a manifest are not repeated', async (t) => {
  await withStage(t, async ({ site, run }) => {
    const password = randomBytes(9).toString('hex');
    const address = `soc:${password}@registry.example`;
    const manifest = await site.manifestFor('inputs/addressed.yml', address);
    // The command line itself is what the user wrote; nothing else may hold it.
    for (const args of [
      ['plan', manifest],
      ['plan', manifest, '--json'],
    ]) {
      t.not(await run([password], args), 0);
    }
    for (const args of [
      ['plan', site.pack, '--rewrite', `docker.io=${address}`],
      ['login', `https://${address}`, '-u', 'soc', '--password-stdin'],
      ['login', address, '-u', 'soc', '--password-stdin'],
      ['import', site.bundle, '--trusted-keys', site.trusted, '--to', `docker:tcp://${address}`],
      ['import', site.bundle, '--trusted-keys', site.trusted, '--to', `registry://${address}`],
    ]) {
      const ran = await packferry([...args, '--debug'], {
        input: 'x\n',
        env: { PATH: process.env['PATH'], PACKFERRY_STATE: site.state },
      });
      t.not(ran.status, 0);
      for (const text of [
        ran.stdout,
        ran.stderr,
        ...(await readTree(site.folder, site.at('inputs'))).map(([, text]) => text),
      ]) {
        t.false(text.includes(password), `${args.join(' ')}:\n${text.slice(0, 2000)}`);
      }
    }
  });
});

test('threat 22: a passphrase that is wrong stays secret', async (t) => {
  await withStage(t, async ({ site, input, run }) => {
    const wrong = canary('wrong');
    await writeKey(site.at('inputs', 'key'), site.at('trusted'), canary('right'));
    const words = await input('words', `${wrong}\n`);
    const key = ['--key', site.at('inputs', 'key'), '--passphrase-file', words];
    t.is(await run([wrong], ['export', site.manifest, '-o', site.bundle, ...key]), 2);
  });
});
