import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withImportSite } from '../helpers/import-site.ts';

const name = 'docker.io/demisto/sample:1';
const named = { [name]: composeImage({ files: [{ path: 'data', content: noise('data', 2000) }] }) };

test('import to a registry: slips in addresses and names are told with what was meant, before anything is sent', async (t) => {
  const slips: [argv: string[], code: string, message: RegExp, hint: RegExp][] = [
    [
      ['--to', 'https://registry.example/soc/'],
      'E_ENDPOINT_INVALID',
      /"https:/,
      /registry:\/\/registry\.example\/soc\?/,
    ],
    [
      ['--to', 'http://127.0.0.1:5000'],
      'E_ENDPOINT_INVALID',
      /"http:/,
      /Did you mean registry:\/\/127\.0\.0\.1:5000\?/,
    ],
    [
      ['--to', 'registry.example:5000'],
      'E_ENDPOINT_INVALID',
      /no target/,
      /Did you mean registry:\/\/registry\.example:5000\?/,
    ],
    [
      ['--to', 'localhost:5000/soc'],
      'E_ENDPOINT_INVALID',
      /no target/,
      /Did you mean registry:\/\/localhost:5000\/soc\?/,
    ],
    [['--to', 'registry:registry.example'], 'E_ENDPOINT_INVALID', /two slashes/, /registry:\/\/HOST/],
    [
      ['--to', 'registry://registry.example/SOC'],
      'E_ENDPOINT_INVALID',
      /no capital letters/,
      /registry:\/\/HOST/,
    ],
    [['--retag', 'demisto/sample=demisto/Sample'], 'E_USAGE', /lower case/, /FROM=TO/],
    [['--retag', 'demisto/*=Soc/*'], 'E_USAGE', /lower case, and Soc is no registry/, /FROM=TO/],
    [
      ['--retag', `demisto/sample:1=soc/sample:${'x'.repeat(129)}`],
      'E_USAGE',
      /at most 128 characters/,
      /FROM=TO/,
    ],
    [
      ['--retag', 'demisto/other=soc/other'],
      'E_USAGE',
      /no image has such a name; .*docker\.io\/demisto\/sample:1/,
      /FROM=TO/,
    ],
  ];
  await withImportSite(async (site) => {
    const { dir } = await site.make('bundle', named);
    for (const [argv, code, message, hint] of slips) {
      const to = argv[0] === '--to' ? [] : ['--to', 'registry://127.0.0.1:9'];
      const ran = await runCli(['import', dir, '--trusted-keys', site.trusted, '--yes', ...to, ...argv]);
      const [said = '', advised = ''] = ran.stderr.slice(ran.stderr.indexOf('error[')).split('\n');
      t.is(ran.status, 2, ran.stderr);
      t.true(said.startsWith(`error[${code}]: `), said);
      t.regex(said, message);
      t.regex(advised, hint);
    }
  });
});

/** A registry that has nothing, and answers every attempt to bring something in this way. */
const refusing =
  (status: number, errors: unknown): RequestListener =>
  (request, response) => {
    request.resume();
    const isAsked = request.method === 'GET' || request.method === 'HEAD';
    response.writeHead(isAsked ? 404 : status, { 'content-type': 'application/json' });
    response.end(isAsked ? '' : JSON.stringify({ errors: [errors] }));
  };

const told = test.macro({
  async exec(t, listener: RequestListener, code: string, hint: RegExp) {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    await withImportSite(async (site) => {
      const { dir } = await site.make('bundle', named);
      const trust = ['--trusted-keys', site.trusted, '--yes', '--retries', '0'];
      const ran = await runCli(['import', dir, '--to', `registry://127.0.0.1:${address.port}`, ...trust]);
      t.is(ran.status, 6, ran.stderr);
      t.regex(ran.stderr, new RegExp(`^error\\[${code}\\]: .*${name}`, 'm'));
      t.regex(ran.stderr, hint);
    });
  },
  title: (what) => `import to a registry: ${what ?? ''}`,
});

const quota =
  'adding 3 MiB of storage resource, which when updated to current usage of 2 GiB will exceed the configured upper limit of 2 GiB.';
test(
  'a project that is full, as Harbor says it',
  told,
  refusing(403, { code: 'DENIED', message: quota }),
  'E_TARGET_UNWRITABLE',
  /^hint: Make room at /m,
);
test(
  'a name that it does not take',
  told,
  refusing(400, { code: 'NAME_INVALID', message: 'invalid repository name' }),
  'E_TARGET_PROTOCOL',
  /^hint: .*takes no such name: .*--retag FROM=TO/m,
);
test(
  'a web server that answers everything with a page is no registry, and has no image of that name',
  told,
  (_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>'),
  'E_TARGET_PROTOCOL',
  /^hint: Check host and port/m,
);
