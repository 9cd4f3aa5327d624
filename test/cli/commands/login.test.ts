import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MemoryInput, MemoryOutput, runCli } from '../../helpers/cli-run.ts';
import { startProxy } from '../../helpers/connect-proxy.ts';
import { helperAnswer, writeHelper } from '../../helpers/credential-helper.ts';
import { makeCertificate } from '../../helpers/registry-certificate.ts';
import { scripted } from '../../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../../helpers/registry-images.ts';
import { serveFrom, type ScriptedServer } from '../../helpers/registry-scripted.ts';
import { TokenGuard } from '../../helpers/registry-tokens.ts';
import { withTempFolder } from '../../helpers/system-service.ts';

const content = new MemoryContent().image('a/b', '1', sampleImage());

/** A registry behind tokens that knows `me` with this password. */
async function guarded(t: ExecutionContext, password: string): Promise<ScriptedServer> {
  const guard = new TokenGuard({ account: `me:${password}` });
  return scripted(
    t,
    guard.script(async (request, response) => {
      if (request.path === '/v2/') response.end('{}');
      else await serveFrom(content, request, response);
    }),
  );
}

function typed(text: string): MemoryInput {
  const stdin = new MemoryInput();
  stdin.end(text);
  return stdin;
}

test('login: the password is asked for on the terminal, and not shown', async (t) => {
  const server = await guarded(t, 's3cr3t');
  await withTempFolder(async (home) => {
    const [stdin, stderr] = [new MemoryInput(true), new MemoryOutput(true)];
    const running = runCli(['login', server.host, '-u', 'me'], { home, stdin, stderr });
    await stderr.shows(`Password of me at ${server.host}: `);
    stdin.write('s3cr3t\r');
    const { status } = await running;
    t.is(status, 0, stderr.text);
    t.false(stderr.text.includes('s3cr3t'));
    const written = await readFile(path.join(home, '.docker', 'config.json'), 'utf8');
    t.true(written.includes(Buffer.from('me:s3cr3t').toString('base64')));
  });
});

test('login: a token service that refuses the account; nothing is stored', async (t) => {
  const server = await guarded(t, 'other');
  await withTempFolder(async (home) => {
    const args = [
      'login',
      server.host,
      '-u',
      'me',
      '--password-stdin',
      '--authfile',
      path.join(home, 'a.json'),
    ];
    const { status, stderr } = await runCli(args, { home, stdin: typed('s3cr3t') });
    t.is(status, 5);
    t.regex(stderr, /does not accept this account\. Nothing was stored/);
    t.false(stderr.includes('s3cr3t'));
    await t.throwsAsync(readFile(path.join(home, 'a.json')), { code: 'ENOENT' });
  });
});

test('login: a registry that lets everybody in cannot check, and that is said', async (t) => {
  const server = await scripted(t, (_request, response) => void response.end('{}'));
  await withTempFolder(async (home) => {
    const args = ['login', server.host, '-u', 'me', '--password-stdin', '--json'];
    const { status, stdout, stderr } = await runCli(args, { home, stdin: typed('s3cr3t\r\n') });
    t.is(status, 0, stderr);
    t.deepEqual(JSON.parse(stdout), {
      ...{ schemaVersion: 1, registry: server.host, username: 'me', checked: false },
      storedIn: path.join(home, '.docker', 'config.json'),
    });
    t.regex(stderr, /could not be checked/);
  });
});

const refused = test.macro({
  async exec(t, args: readonly string[], input: string, expected: RegExp) {
    const { status, stderr } = await runCli(['login', ...args], { stdin: typed(input) });
    t.is(status, 2, stderr);
    t.regex(stderr, expected);
  },
  title: (title) => `login refused: ${title ?? ''}`,
});
test(
  'without a terminal and without --password-stdin',
  refused,
  ['r.example', '-u', 'me'],
  '',
  /--password-stdin/,
);
test('an empty password', refused, ['r.example', '-u', 'me', '--password-stdin'], '\n', /password is empty/);
test(
  'a user name with a colon',
  refused,
  ['r.example', '-u', 'a:b', '--password-stdin'],
  'x',
  /no user name/,
);
test('an address', refused, ['https://r.example', '-u', 'me', '--password-stdin'], 'x', /no registry host/);
test('a path', refused, ['r.example/team', '-u', 'me', '--password-stdin'], 'x', /no registry host/);
test('no user', refused, ['r.example', '--password-stdin'], 'x', /--username/);

test('logout: of what was never stored', async (t) => {
  await withTempFolder(async (home) => {
    const { status, stderr } = await runCli(['logout', 'docker.io'], { home });
    t.is(status, 0, stderr);
    t.regex(stderr, /Nothing was stored for docker\.io/);
  });
});

test('the options for registries: mistakes are told before anything is asked', async (t) => {
  await withTempFolder(async (home) => {
    const manifest = path.join(home, 'soc.yml');
    await writeFile(manifest, 'schema: packferry.export/v1\nname: soc\nimages: [r.invalid/a]\n');
    for (const [options, expected] of [
      [['--rewrite', 'docker.io'], /--rewrite: "docker\.io" is no rewriting/],
      [['--rewrite', 'docker.io=https://m.example'], /--rewrite: .*scheme/],
      [['--plain-http', 'http://r.example'], /--plain-http: /],
      [['--ca-file', path.join(home, 'none.pem')], /--ca-file .*none\.pem/],
      [['--ca-file', manifest], /--ca-file .*no certificate/],
      [['--authfile', path.join(home, 'none')], /error\[E_CREDENTIALS\]: \S*none: no such file\n/],
    ] as const) {
      const { status, stderr } = await runCli(['plan', manifest, ...options], { home });
      t.is(status, 2, stderr);
      t.regex(stderr, expected);
    }
    const [mine, other] = [makeCertificate(), makeCertificate()];
    await writeFile(path.join(home, 'mine.pem'), mine.pem);
    await writeFile(path.join(home, 'other.key'), other.key);
    const pair = 'registries: {r.invalid: {clientCert: mine.pem, clientKey: other.key}}\n';
    const paired = path.join(home, 'pair.yml');
    await writeFile(paired, `${await readFile(manifest, 'utf8')}${pair}`);
    const unfit = await runCli(['plan', paired], { home });
    t.is(unfit.status, 2);
    t.regex(unfit.stderr, /pair\.yml:4:59: clientKey .*other\.key: no key for the certificate/);
  });
});

test('the environment: proxy with its account, and an authority in SSL_CERT_FILE', async (t) => {
  const certificate = makeCertificate({ host: 'registry.invalid' });
  const server = await scripted(
    t,
    async (request, response) => serveFrom(content, request, response),
    certificate,
  );
  const proxy = await startProxy(t, server.host, { account: 'me:s3cr3t' });
  await withTempFolder(async (home) => {
    const [manifest, ca] = [path.join(home, 'soc.yml'), path.join(home, 'ca.pem')];
    await writeFile(
      manifest,
      'schema: packferry.export/v1\nname: soc\nimages: ["registry.invalid:5000/a/b:1"]\n',
    );
    await writeFile(ca, certificate.pem);
    const HTTPS_PROXY = `http://me:s3cr3t@${proxy.host}`;
    const good = await runCli(['plan', manifest], { home, env: { HTTPS_PROXY, SSL_CERT_FILE: ca } });
    t.is(good.status, 0, good.stderr);
    const byOption = await runCli(['plan', manifest, '--ca-file', ca], { home, env: { HTTPS_PROXY } });
    t.is(byOption.status, 0, byOption.stderr);
    const wrong = await runCli(['plan', manifest, '--debug'], {
      home,
      env: { HTTPS_PROXY: HTTPS_PROXY.replace('s3cr3t', 'c4n4ry'), SSL_CERT_FILE: ca },
    });
    t.is(wrong.status, 5, wrong.stderr);
    t.regex(wrong.stderr, /answers 407/);
    t.false(/s3cr3t|c4n4ry/.test(good.stderr + wrong.stderr + wrong.stdout));
  });
});

test('secrets: none of those that go in comes out, whatever fails', async (t) => {
  const secret = 'c4n4ry';
  const base64 = Buffer.from(`me:${secret}`).toString('base64');
  const denying = await guarded(t, 'other');
  const basic = await scripted(t, (_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
  });
  await withTempFolder(async (home) => {
    const docker = path.join(home, '.docker');
    await mkdir(docker);
    const helper = await writeHelper(home, 'keys', {
      [denying.host]: helperAnswer(denying.host, 'me', secret),
      'token.invalid': helperAnswer('token.invalid', '<token>', secret),
    });
    const hosts = [denying.host, basic.host];
    const manifest = path.join(home, 'soc.yml');
    const images = hosts.map((host) => `${host}/a/b:1`).join('", "');
    await writeFile(manifest, `schema: packferry.export/v1\nname: soc\nimages: ["${images}"]\n`);
    const configs = [
      JSON.stringify({ credsStore: 'keys', auths: { [basic.host]: { auth: base64 } } }),
      JSON.stringify({
        auths: { [basic.host]: { auth: base64 }, [denying.host]: { identitytoken: secret } },
      }),
      `{"auths": {"${basic.host}": {"auth": "${base64}"`,
      JSON.stringify({ auths: { [basic.host]: { auth: secret } } }),
    ];
    for (const config of configs) {
      await writeFile(path.join(docker, 'config.json'), config);
      for (const kind of ['plain', 'json']) {
        const env = { ...helper.environment, HTTP_PROXY: `socks-less://me:${secret}@p` };
        const { status, stdout, stderr } = await runCli(
          ['plan', manifest, '--debug', '--json', '--progress', kind],
          { home, env: kind === 'json' ? env : helper.environment },
        );
        t.not(status, 0);
        for (const one of [secret, base64, base64.slice(4)]) {
          t.false(`${stdout}${stderr}`.includes(one), `${config}\n${stdout}\n${stderr}`);
        }
      }
    }
  });
});
