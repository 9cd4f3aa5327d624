import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { documentOf, withServing, withServingSite, type ServingSite } from '../helpers/serve-process.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { inEngineRoot, type Command } from '../helpers/system-engine-root.ts';
import { execOk, execTool } from '../helpers/system-exec.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

const account = { username: 'soc', password: 's3cr3t-canary' };

interface Guarded extends ServingSite {
  readonly host: string;
  readonly log: () => string;
  readonly shows: (text: string) => Promise<void>;
  /** Folder that a client in another root sees, too. */
  readonly room: string;
  readonly ca: string;
}

/** A server with a certificate of its own authority and an account. */
async function withGuarded(t: ExecutionContext, use: (guarded: Guarded) => Promise<void>): Promise<void> {
  await withServingSite(t, async (site) =>
    withTempFolder(async (room) => {
      const { pem, key } = makeCertificate();
      const ca = path.join(room, 'ca.crt');
      for (const [name, text] of Object.entries({ 'cert.pem': pem, 'key.pem': key }))
        await writeFile(site.at(name), text);
      await writeFile(ca, pem);
      await writeFile(site.at('password'), `${account.password}\n`, { mode: 0o600 });
      const guard = ['--tls-cert', site.at('cert.pem'), '--tls-key', site.at('key.pem')];
      const who = ['--username', account.username, '--password-file', site.at('password')];
      await withServing(t, [...site.serving, ...guard, ...who], async ({ host, log, shows, url }) => {
        t.is(url, `https://${host}`);
        await use({ ...site, host, log, shows, room, ca });
        t.false(log().includes(account.password));
      });
    }),
  );
}

/** skopeo, the installed one or the newer one. */
function skopeo(room: string, newer: boolean, args: readonly string[]): Command {
  return newer
    ? inEngineRoot([room], { command: 'skopeo', args })
    : { command: systemTools().path('skopeo'), args };
}

for (const newer of [false, true]) {
  test.serial(
    `${newer ? 'newer' : 'installed'} skopeo inspects and copies over HTTPS with an account, several images at once`,
    needing([newer ? 'newer-engines' : 'skopeo', 'root'], async (t) => {
      await withGuarded(t, async ({ host, room, bundle }) => {
        const { images } = await documentOf(bundle);
        await mkdir(path.join(room, 'trust'));
        await writeFile(path.join(room, 'trust', 'ca.crt'), await readFile(path.join(room, 'ca.crt')));
        const flags = (side: string): string[] => [
          `--${side}cert-dir`,
          path.join(room, 'trust'),
          `--${side}creds`,
          `${account.username}:${account.password}`,
        ];
        const at = (reference: string): string => `docker://${reference.replace('docker.io', host)}`;
        const run = async (args: readonly string[]): Promise<string> => {
          const { command, args: all } = skopeo(room, newer, args);
          return execOk(command, all);
        };
        await Promise.all(
          images.map(async ({ reference, manifest }, index) => {
            const seen = JSON.parse(await run(['inspect', ...flags(''), at(reference)])) as object;
            t.like(seen, { Digest: manifest.digest });
            const to = path.join(room, `copy-${index}`);
            await run(['copy', ...flags('src-'), at(reference), `dir:${to}`]);
            const copied = await readFile(path.join(to, 'manifest.json'));
            t.is(copied.length, manifest.size);
          }),
        );
        const wrong = skopeo(room, newer, [
          'inspect',
          ...flags('').slice(0, 2),
          at(images[0]?.reference ?? ''),
        ]);
        t.not((await execTool(wrong.command, wrong.args)).status, 0);
      });
    }),
  );
}

test.serial(
  'crane logs in and pulls; every byte of the layout is there',
  needing(['newer-engines', 'root'], async (t) => {
    await withGuarded(t, async ({ host, room, ca, bundle }) => {
      const env = { ...process.env, SSL_CERT_FILE: ca, DOCKER_CONFIG: path.join(room, 'docker') };
      const crane = async (args: readonly string[], input?: string): Promise<string> => {
        const started = inEngineRoot([room], { command: 'crane', args });
        return execOk(started.command, started.args, { env, ...(input === undefined ? {} : { input }) });
      };
      await crane(['auth', 'login', host, '-u', account.username, '--password-stdin'], account.password);
      const { images } = await documentOf(bundle);
      t.deepEqual((await crane(['catalog', host])).trim().split('\n'), [
        'demisto/crypto',
        'demisto/powershell',
        'demisto/python3',
      ]);
      for (const { reference, manifest, layers } of images) {
        const name = reference.replace('docker.io', host);
        t.is((await crane(['digest', name])).trim(), manifest.digest);
        const to = path.join(room, 'layout');
        await crane(['pull', '--format=oci', name, to]);
        const blobs = await readdir(path.join(to, 'blobs', 'sha256'));
        for (const { digest } of layers) t.true(blobs.includes(digest.slice('sha256:'.length)));
        await crane(['validate', '--remote', name]);
      }
    });
  }),
);

test.serial(
  'docker logs in and pulls over HTTPS; without the account it is refused',
  needing(['dockerd', 'docker', 'root'], async (t) => {
    await withGuarded(t, async ({ host, log, shows }) => {
      await withDockerd(async (docker) => {
        const image = `${host}/demisto/python3:3.12.13.1`;
        t.not((await docker.run(['pull', image])).status, 0);
        // The server may tell it after the client has ended.
        await shows(' 401,');
        t.regex(log(), /\/v2\/.* 401,/);
        const login = ['login', host, '-u', account.username, '--password-stdin'];
        const { status, stderr } = await docker.run(login, { input: account.password });
        t.is(status, 0, stderr);
        const pulled = await docker.run(['pull', image]);
        t.is(pulled.status, 0, pulled.stderr);
      });
    });
  }),
);

test('packferry itself exports from it: the same images, digest for digest', async (t) => {
  await withGuarded(t, async ({ host, at, ca, key, bundle, trusted }) => {
    const base64 = Buffer.from(`${account.username}:${account.password}`).toString('base64');
    await writeFile(at('auth.json'), JSON.stringify({ auths: { [host]: { auth: base64 } } }));
    const { images } = await documentOf(bundle);
    const names = images.map(({ reference }) => JSON.stringify(reference)).join(', ');
    const mirrors = `registries: { docker.io: { mirrors: ["${host}"], plainHttp: false } }`;
    await writeFile(
      at('again.yml'),
      `schema: packferry.export/v1\nname: again\nimages: [${names}]\n${mirrors}\n`,
    );
    const client = ['--ca-file', ca, '--authfile', at('auth.json')];
    const ran = await runCli(['export', at('again.yml'), '-o', at('again'), '--key', key, ...client]);
    t.is(ran.status, 0, ran.stderr);
    const verified = await runCli(['verify', at('again'), '--trusted-keys', trusted, '--state', at('other')]);
    t.is(verified.status, 0, verified.stderr);
    const digests = async (dir: string): Promise<string[]> =>
      (await documentOf(dir)).images.map(({ manifest }) => manifest.digest);
    t.deepEqual(await digests(at('again')), await digests(bundle));
  });
});
