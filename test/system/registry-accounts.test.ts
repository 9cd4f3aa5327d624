import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { sampleImagesFor } from '../../bin/demo/sample-images.ts';
import { MemoryInput, runCli, type Ran, type RunOptions } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { pushImage } from '../helpers/push-image.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { execOk, execTool } from '../helpers/system-exec.ts';
import { guardedAccount, withDockerRegistry, type RegistryOptions } from '../helpers/system-registry.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

const repository = 'demisto/python3';
const { username, password } = guardedAccount;
const base64 = Buffer.from(`${username}:${password}`).toString('base64');

interface Place {
  readonly host: string;
  readonly folder: string;
  readonly at: (...parts: readonly string[]) => string;
  readonly image: string;
  /** Writes a manifest that wants the image. */
  readonly manifest: (more?: string) => Promise<string>;
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** Everything that was printed so far. */
  readonly printed: () => string;
}

/** A registry with one image, and a folder to work in. */
async function withPlace(options: RegistryOptions, use: (place: Place) => Promise<void>): Promise<void> {
  await withDockerRegistry(async (open) => {
    const [sample] = sampleImagesFor([`${repository}:1`]);
    if (sample === undefined) throw new Error('no image');
    await pushImage(open.host, repository, '1', sample.image);
    await withDockerRegistry(
      async ({ host }) =>
        withTempFolder(async (folder) => {
          const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
          const image = `${host}/${repository}:1`;
          let printed = '';
          await use({
            ...{ host, folder, at, image },
            manifest: async (more = '') => {
              const text = `schema: packferry.export/v1\nname: soc\nimages: ["${image}"]\n${more}`;
              await writeFile(at('soc.yml'), text);
              return at('soc.yml');
            },
            run: async (args, more = {}) => {
              const env = { DOCKER_CONFIG: at('docker'), XDG_RUNTIME_DIR: at('run'), PATH: '/usr/bin:/bin' };
              const ran = await runCli(args, { env, home: at('home'), ...more });
              printed += ran.stdout + ran.stderr;
              return ran;
            },
            printed: () => printed,
          });
        }),
      { ...options, storage: open.storage },
    );
  });
}

function typed(text: string): { readonly stdin: MemoryInput } {
  const stdin = new MemoryInput();
  stdin.end(text);
  return { stdin };
}

test.serial(
  'an account is stored by login, serves for everything, and is forgotten by logout; it shows nowhere',
  needing(['docker-registry'], (t) =>
    withPlace({ guarded: true }, async ({ host, at, manifest, run, printed }) => {
      const soc = await manifest();
      const denied = await run(['plan', soc]);
      t.is(denied.status, 5);
      t.true(denied.stderr.includes(`packferry login ${host}`), denied.stderr);

      const config = at('docker', 'config.json');
      await mkdir(at('docker'));
      await writeFile(config, '{"HttpHeaders": {"X": "y"}, "auths": {"other.example": {"auth": "YTpi"}}}');
      const login = ['login', host, '-u', username, '--password-stdin'];
      const wrong = await run(login, typed(`${password}-not`));
      t.is(wrong.status, 5, wrong.stderr);
      t.regex(wrong.stderr, /Nothing was stored/);
      t.false((await readFile(config, 'utf8')).includes(host));

      const right = await run(login, typed(`${password}\n`));
      t.is(right.status, 0, right.stderr);
      t.is((await stat(config)).mode & 0o777, 0o600);
      t.deepEqual(JSON.parse(await readFile(config, 'utf8')), {
        HttpHeaders: { X: 'y' },
        auths: { 'other.example': { auth: 'YTpi' }, [host]: { auth: base64 } },
      });
      t.deepEqual(await readdir(at('docker')), ['config.json'], 'nothing is left beside it');

      await writeKey(at('key'), at('trusted'));
      const exported = await run(['export', soc, '-o', at('bundle'), '--key', at('key'), '--json']);
      t.is(exported.status, 0, exported.stderr);
      const lock = await run(['lock', soc]);
      t.is(lock.status, 0, lock.stderr);
      t.true((await readFile(at('packferry.lock.json'), 'utf8')).includes(`registry://${host}`));

      const again = await run(['logout', host]);
      t.is(again.status, 0, again.stderr);
      t.false((await readFile(config, 'utf8')).includes(base64));
      t.is((await run(['plan', soc])).status, 5);

      const files = await readdir(at('bundle'), { recursive: true, withFileTypes: true });
      const kept = await Promise.all(
        files
          .filter((entry) => entry.isFile())
          .map(async (entry) => readFile(path.join(entry.parentPath, entry.name), 'latin1')),
      );
      for (const secret of [password, base64]) {
        t.false(printed().includes(secret));
        t.false(kept.some((text) => text.includes(secret)));
      }
    }),
  ),
);

test.serial(
  'skopeo understands what login writes, and login’s readers understand what skopeo writes',
  needing(['docker-registry', 'skopeo'], (t) =>
    withPlace({ guarded: true }, async ({ host, at, image, manifest, run }) => {
      const skopeo = systemTools().path('skopeo');
      const insecure = '--tls-verify=false';
      const ours = at('ours.json');
      const login = ['login', host, '-u', username, '--password-stdin', '--authfile', ours];
      t.is((await run(login, typed(password))).status, 0);
      const inspect = ['inspect', insecure, `docker://${image}`];
      const without = await execTool(skopeo, [...inspect, '--authfile', at('none.json')]);
      t.not(without.status, 0, 'it is needed');
      await execOk(skopeo, [...inspect, '--authfile', ours]);

      const theirs = at('theirs.json');
      const write = ['login', insecure, '--authfile', theirs, '-u', username, '--password-stdin', host];
      await execOk(skopeo, write, { input: password });
      const planned = await run(['plan', await manifest(), '--authfile', theirs]);
      t.is(planned.status, 0, planned.stderr);

      // Podman's own place, and an account for a path only.
      await mkdir(at('run', 'containers'), { recursive: true });
      const entry = { auths: { [`${host}/demisto`]: { auth: base64 } } };
      await writeFile(at('run', 'containers', 'auth.json'), JSON.stringify(entry));
      const found = await run(['plan', await manifest()]);
      t.is(found.status, 0, found.stderr);

      const out = await run(['logout', host, '--authfile', ours]);
      t.is(out.status, 0, out.stderr);
      t.not((await execTool(skopeo, [...inspect, '--authfile', ours])).status, 0);
    }),
  ),
);

test.serial(
  'a registry that wants a certificate from its clients',
  needing(['docker-registry'], async (t) => {
    const [certificate, client] = [makeCertificate(), makeCertificate({ subject: 'soc' })];
    const options = { certificate, clientAuthority: client.pem };
    await withPlace(options, async ({ host, at, manifest, run }) => {
      await writeFile(at('ca.pem'), certificate.pem);
      await writeFile(at('client.pem'), client.pem);
      await writeFile(at('client.key'), client.key);
      const settings = (more: string): string =>
        `registries: {"${host}": {plainHttp: false, caFile: ca.pem${more}}}\n`;
      const without = await run(['plan', await manifest(settings(''))]);
      t.is(without.status, 5, without.stderr);
      t.regex(without.stderr, /clientCert/);
      const shown = ', clientCert: client.pem, clientKey: client.key';
      const planned = await run(['plan', await manifest(settings(shown))]);
      t.is(planned.status, 0, planned.stderr);

      const broken = await run([
        'plan',
        await manifest(settings(', clientCert: no.pem, clientKey: client.key')),
      ]);
      t.is(broken.status, 2);
      t.regex(broken.stderr, /soc\.yml:4:\d+: clientCert .*no\.pem/);

      const own = at('home', '.config', 'containers', 'certs.d', host);
      await mkdir(own, { recursive: true });
      await writeFile(path.join(own, 'a.cert'), client.pem);
      await writeFile(path.join(own, 'a.key'), client.key);
      const fromFolder = await run(['plan', await manifest(settings(''))]);
      t.is(fromFolder.status, 0, fromFolder.stderr);
    });
  }),
);

test.serial(
  'content that names Docker Hub comes from another registry and keeps its name',
  needing(['docker-registry'], (t) =>
    withPlace({}, async ({ host, at, run }) => {
      await writeFile(at('hub.yml'), `schema: packferry.export/v1\nname: soc\nimages: ["${repository}:1"]\n`);
      const rewritten = await run([
        'plan',
        at('hub.yml'),
        '--json',
        '--rewrite',
        `docker.io/demisto=${host}/demisto`,
      ]);
      t.is(rewritten.status, 0, rewritten.stderr);
      const report = JSON.parse(rewritten.stdout) as { images: { reference: string; source: string }[] };
      t.is(report.images[0]?.reference, `docker.io/${repository}:1`);
      t.is(report.images[0]?.source, `registry://${host}/demisto`);
    }),
  ),
);
