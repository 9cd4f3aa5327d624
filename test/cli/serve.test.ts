import { writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../src/core/errors.ts';
import { eventLine } from '../../src/schema/events.ts';
import { serveReport } from '../../src/schema/reports-serve.ts';
import { MemoryOutput, runCli } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { refused } from '../helpers/cli-signers.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { get, withServing, withServingSite, type ServingSite } from '../helpers/serve-process.ts';
import { withStream } from '../helpers/stream-site.ts';

const manifest = '/v2/demisto/python3/manifests/3.12.13.1';

test('the URL goes to stdout, what to do with it and every request to stderr; SIGTERM is the ordinary end', async (t) => {
  await withServingSite(t, async ({ serving }) => {
    await withServing(t, serving, async ({ url, host, shows, kill, ended }) => {
      await shows('python.docker.registry');
      t.is((await get(url, manifest, { 'user-agent': 'evil\u009b31m' })).status, 200);
      await shows(`GET ${manifest} 200`);
      kill('SIGTERM');
      const { status, stdout, stderr } = await ended;
      t.is(status, 0);
      t.is(stdout, `${url}\n`);
      for (const text of [
        `serving 3 images at ${url}`,
        `docker pull ${host}/demisto/crypto:1.0.0.1`,
        `podman pull --tls-verify=false ${host}/demisto/crypto:1.0.0.1`,
        `python.docker.registry = ${host}`,
        `{"registry-mirrors": ["${url}"]}`,
        `Stopped serving at ${url}: 1 request, `,
      ])
        t.true(stderr.includes(text), text);
      t.false(stderr.includes('\u009b'), 'what clients say cannot move the cursor');
    });
  });
});

test('Ctrl-C is an ordinary end, too, and ends with status 0', async (t) => {
  await withServingSite(t, async ({ serving }) => {
    await withServing(t, serving, async ({ kill, ended }) => {
      kill('SIGINT');
      t.is((await ended).status, 0);
    });
  });
});

test('--quiet leaves the URL; --json is one object at the end; --progress json has a line for every request', async (t) => {
  await withServingSite(t, async ({ serving }) => {
    await withServing(t, [...serving, '-q'], async ({ url, kill, ended }) => {
      await get(url, manifest);
      kill('SIGTERM');
      const { stdout, stderr } = await ended;
      t.is(stdout, `${url}\n`);
      t.notRegex(stderr, /GET|serving|Stopped/);
    });
    const stop = new AbortController();
    const stderr = new MemoryOutput();
    const { signal } = stop;
    const running = runCli(['serve', ...serving, '--json', '--progress', 'json'], {
      ...{ stderr, signal },
      // The same clock as that of the process before.
      now: new Date(),
    });
    await stderr.shows('"type":"serving"');
    const url = /"url":"(http:[^"]+)"/.exec(stderr.text)?.[1] ?? '';
    await get(url, manifest);
    await get(url, '/v2/demisto/none/tags/list');
    stop.abort();
    const { status, stdout } = await running;
    t.is(status, 0);
    const report = serveReport.parse(JSON.parse(stdout));
    t.like(report, { url, requests: 2, brokenOff: 0 });
    t.is(report.images.length, 3);
    const lines = stderr.text
      .trim()
      .split('\n')
      .map((line) => eventLine.parse(JSON.parse(line)));
    t.deepEqual(
      lines.flatMap((line) => (line.type === 'request' ? [[line.target, line.status]] : [])),
      [
        [manifest, 200],
        ['/v2/demisto/none/tags/list', 404],
      ],
    );
  });
});

test('what is served counts as accepted: an older bundle is a way back afterwards', async (t) => {
  await withStream(t, async ({ made, trusted, state, verified }) => {
    const [older, newer] = [await made(1), await made(2)];
    // Processes have the clock of this machine.
    const clock = { now: new Date() };
    const options = ['--trusted-keys', trusted, '--state', state, '--listen', '127.0.0.1:0'];
    const both = await refused(t, ['serve', older, newer, ...options], 'E_ROLLBACK', 4, clock);
    t.true(both.includes('--allow-rollback'));
    t.is((await verified(older, [], clock)).status, 0, 'a refusal is not remembered');
    await withServing(t, [newer, ...options], async ({ url }) => {
      t.is((await get(url, manifest)).status, 200);
    });
    await refused(t, ['serve', older, ...options], 'E_ROLLBACK', 4, clock);
    const back = ['--allow-rollback', '42 breaks playbook X'];
    await withServing(t, [older, newer, ...options, ...back], async ({ url }) => {
      t.is((await get(url, manifest)).status, 200);
    });
  });
});

test('nothing is served of a bundle that nobody trusted has signed', async (t) => {
  await withServingSite(t, async ({ bundle, at, state }) => {
    await writeKey(at('another'), at('others'));
    const argv = [
      'serve',
      bundle,
      '--trusted-keys',
      at('others'),
      '--state',
      state,
      '--listen',
      '127.0.0.1:0',
    ];
    const ran = await runCli(argv);
    t.is(ran.status, 4, ran.stderr);
    t.is(ran.stdout, '');
  });
});

const isWrong = test.macro<
  [code: ErrorCode, argv: (site: ServingSite) => Promise<readonly string[]> | readonly string[]]
>({
  async exec(t, code, argv) {
    await withServingSite(t, async (site) => {
      const said = await refused(t, ['serve', ...site.serving, ...(await argv(site))], code, 2);
      t.false(said.includes('s3cr3t-canary'));
      t.notRegex(said, /Verifying|receipt/i);
    });
  },
  title: (what) => `refused before anything is read: ${what ?? ''}`,
});

test('an address without a port', isWrong, 'E_USAGE', () => ['--listen', '127.0.0.1']);
test('a port that is none', isWrong, 'E_USAGE', () => ['--listen', '127.0.0.1:99999']);
test('a prefix that is no path', isWrong, 'E_USAGE', () => ['--prefix', 'Soc/../x']);
test('a certificate without its key', isWrong, 'E_USAGE', () => ['--tls-cert', 'cert.pem']);
test('a name without a password', isWrong, 'E_USAGE', () => ['--username', 'soc']);
test('a name with a colon', isWrong, 'E_USAGE', () => ['--username', 'a:b', '--password-file', 'x']);
test('a file of passwords that is not there', isWrong, 'E_CREDENTIALS', ({ at }) => [
  ...['--username', 'soc', '--password-file', at('none')],
]);
test('an empty password', isWrong, 'E_CREDENTIALS', async ({ at }) => {
  await writeFile(at('password'), '\ns3cr3t-canary\n');
  return ['--username', 'soc', '--password-file', at('password')];
});
test('the key of another certificate', isWrong, 'E_CREDENTIALS', async ({ at }) => {
  await writeFile(at('cert.pem'), makeCertificate().pem);
  await writeFile(at('key.pem'), makeCertificate().key);
  return ['--tls-cert', at('cert.pem'), '--tls-key', at('key.pem')];
});
test('an address of another machine', isWrong, 'E_ENDPOINT_INVALID', () => ['--listen', '192.0.2.1:5000']);

/** What is told when others may reach it; the server is stopped at once. */
async function warnings(t: ExecutionContext, site: ServingSite, more: readonly string[]): Promise<string> {
  const stop = new AbortController();
  const stderr = new MemoryOutput();
  const running = runCli(['serve', ...site.serving, ...more], { stderr, signal: stop.signal });
  await stderr.shows('serving 3 images');
  stop.abort();
  t.is((await running).status, 0);
  return stderr.text;
}

test('letting other machines in without TLS is warned of, with and without an account; so is a password that others can read', async (t) => {
  await withServingSite(t, async (site) => {
    const open = ['--listen', '0.0.0.0:0'];
    const said = await warnings(t, site, open);
    t.regex(said, /warning: everybody who reaches 0\.0\.0\.0 can pull/);
    t.regex(said, /docker pull THIS-HOST:\d+\/demisto/);
    t.regex(said, /insecure-registries/);
    await writeFile(site.at('password'), 's3cr3t-canary\n', { mode: 0o644 });
    const account = ['--username', 'soc', '--password-file', site.at('password')];
    const clear = await warnings(t, site, [...open, ...account]);
    t.regex(clear, /warning: the password crosses the network in clear/);
    t.regex(clear, /warning: others may read the password in .*chmod 600/);
    t.false(clear.includes('s3cr3t-canary'));
    t.notRegex(await warnings(t, site, []), /everybody|in clear/);
  });
});
