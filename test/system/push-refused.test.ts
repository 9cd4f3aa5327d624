import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { runCli } from '../helpers/cli-run.ts';
import { startProxy } from '../helpers/connect-proxy.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { withDockerRegistry, type RegistryOptions } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';

const name = 'docker.io/demisto/sample:1';
const image = composeImage({ files: [{ path: 'data', content: noise('data', 2000) }] });

interface Refusal {
  readonly what: string;
  readonly registry: RegistryOptions;
  /** Lays out the home folder; returns more of the command line. */
  readonly arrange?: (home: string, host: string) => Promise<readonly string[]>;
  readonly code: string;
  readonly hint: (host: string) => string;
}

const refusals: readonly Refusal[] = [
  {
    what: 'set to read-only it takes nothing, and that is told',
    registry: { readOnly: true },
    code: 'E_TARGET_UNWRITABLE',
    hint: () => 'only gives images and takes none',
  },
  {
    what: 'no account asks for a log-in',
    registry: { guarded: true },
    code: 'E_TARGET_DENIED',
    hint: (host) => `packferry login ${host}`,
  },
  {
    what: 'an account with another password is told with where it comes from',
    registry: { guarded: true },
    arrange: async (home, host) => {
      const file = path.join(home, 'auth.json');
      const auth = Buffer.from('soc:wrong').toString('base64');
      await writeFile(file, JSON.stringify({ auths: { [host]: { auth } } }), { mode: 0o600 });
      return ['--authfile', file];
    },
    code: 'E_TARGET_DENIED',
    hint: () => 'auth.json',
  },
];

for (const { what, registry, arrange, code, hint } of refusals) {
  test.serial(
    `import to docker-registry: ${what}`,
    needing(['docker-registry'], async (t: ExecutionContext) => {
      await withImportSite((site) =>
        withDockerRegistry(async ({ host }) => {
          const { dir } = await site.make('bundle', { [name]: image });
          const home = path.join(site.folder, 'home');
          await mkdir(home);
          const trust = ['--trusted-keys', site.trusted, '--yes', '--retries', '0'];
          const to = ['--to', `registry://${host}/soc`, ...((await arrange?.(home, host)) ?? [])];
          const ran = await runCli(['import', dir, ...to, ...trust], { home });
          t.is(ran.status, 6, ran.stderr);
          const [said = '', advised = ''] = ran.stderr.slice(ran.stderr.indexOf('error[')).split('\n');
          t.true(said.startsWith(`error[${code}]: `), said);
          t.true(said.includes('demisto/sample') && said.includes(host), said);
          t.true(advised.includes(hint(host)), advised);
        }, registry),
      );
    }),
  );
}

test.serial(
  'copy: a registry that is not there, or wants another account, is told before any time is spent on the sources',
  needing(['docker-registry'], async (t: ExecutionContext) => {
    await withDockerRegistry(
      async ({ host }) => {
        const args = ['copy', name, '--from', 'docker-archive:/absent.tar', '--retries', '0'];
        const locked = await runCli([...args, '--to', `registry://${host}/soc`]);
        t.is(locked.status, 6, locked.stderr);
        t.regex(locked.stderr, new RegExp(`^error\\[E_TARGET_DENIED\\]: ${host}/soc/demisto/sample: `, 'm'));
        t.true(locked.stderr.includes(`packferry login ${host}`), locked.stderr);
        t.false(locked.stderr.includes('absent.tar'), locked.stderr);

        // Nobody can listen there.
        const away = 'registry://127.0.0.1:0';
        const alone = await runCli([...args, '--to', away]);
        t.is(alone.status, 6, alone.stderr);
        t.regex(alone.stderr, /^error\[E_TARGET_UNREACHABLE\]: registry:\/\/127\.0\.0\.1:0: /m);
        t.false(alone.stderr.includes('absent.tar'), alone.stderr);
        const among = await runCli([...args, '--to', away, '--to', `registry://${host}`]);
        t.regex(among.stderr, /^warning: registry:\/\/127\.0\.0\.1:0: .* The other targets go on\.$/m);
        t.true(among.stderr.includes('absent.tar'), among.stderr);
      },
      { guarded: true },
    );
  }),
);

test.serial(
  'a registry on this machine is spoken to by HTTPS where its certificates lie in certs.d, by HTTP where others do',
  needing(['docker-registry'], async (t: ExecutionContext) => {
    const certificate = makeCertificate();
    await withImportSite((site) =>
      withDockerRegistry(
        async ({ host }) => {
          const { dir } = await site.make('bundle', { [name]: image });
          const to = [
            '--to',
            `registry://${host}`,
            '--trusted-keys',
            site.trusted,
            '--yes',
            '--retries',
            '0',
          ];
          const folder = path.join(site.folder, '.config', 'containers', 'certs.d');
          await mkdir(path.join(folder, `other.example`), { recursive: true });
          await writeFile(path.join(folder, 'other.example', 'ca.crt'), certificate.pem);
          const plain = await runCli(['import', dir, ...to], { home: site.folder });
          t.is(plain.status, 6, plain.stderr);
          t.true(plain.stderr.includes('HTTPS'), plain.stderr);

          await mkdir(path.join(folder, host));
          await writeFile(path.join(folder, host, 'ca.crt'), certificate.pem);
          const ran = await runCli(['import', dir, ...to], { home: site.folder });
          t.is(ran.status, 0, ran.stderr);
          const back = ['copy', `${host}/demisto/sample:1`, '--to', `oci:${path.join(site.folder, 'back')}`];
          const read = await runCli(back, { home: site.folder });
          t.is(read.status, 0, read.stderr);
          // What is said of a host wins over what lies there.
          const said = await runCli([...back, '--plain-http', host], { home: site.folder });
          t.not(said.status, 0);
        },
        { certificate },
      ),
    );
  }),
);

test.serial(
  'import to docker-registry: a certificate of an authority that nobody knows asks for its file',
  needing(['docker-registry'], async (t: ExecutionContext) => {
    const certificate = makeCertificate({ host: 'registry.invalid' });
    await withImportSite((site) =>
      withDockerRegistry(
        async ({ host }) => {
          const { dir } = await site.make('bundle', { [name]: image });
          const { host: proxy } = await startProxy(t, host);
          const env = { HTTPS_PROXY: `http://${proxy}` };
          const to = [
            '--to',
            'registry://registry.invalid',
            '--trusted-keys',
            site.trusted,
            '--yes',
            '--retries',
            '0',
          ];
          const ran = await runCli(['import', dir, ...to], { env });
          t.is(ran.status, 6, ran.stderr);
          t.regex(ran.stderr, /^error\[E_\w+\]: .*registry\.invalid/m);
          t.regex(
            ran.stderr,
            /^hint: .*registry\.invalid has a certificate authority of its own.*--ca-file/m,
          );
          const file = path.join(site.folder, 'ca.pem');
          await writeFile(file, certificate.pem);
          t.is((await runCli(['import', dir, ...to, '--ca-file', file], { env })).status, 0);
        },
        { certificate },
      ),
    );
  }),
);
