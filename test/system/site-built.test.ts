import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import type { LockDocument } from '../../src/schema/lock.ts';
import type { ExportReport, PlanReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { packferry } from '../helpers/cli.ts';
import { withDockerd, type Dockerd } from '../helpers/system-dockerd.ts';
import type { ExecResult } from '../helpers/system-exec.ts';
import { withPodman } from '../helpers/system-podman.ts';
import { needing, systemTools, type Need } from '../helpers/system-tools.ts';
import { writePack } from '../helpers/write-pack.ts';

const needs: readonly Need[] = ['dockerd', 'docker', 'busybox', 'root'];
const custom = 'localhost/custom:1';
const line = 'built on site';

function ok(t: ExecutionContext, { status, stdout, stderr }: ExecResult): string {
  t.is(status, 0, stdout + stderr);
  return stdout;
}

/** Builds an image that no registry has. */
async function build(t: ExecutionContext, dockerd: Dockerd, folder: string): Promise<string> {
  await mkdir(folder);
  await copyFile(systemTools().path('busybox'), path.join(folder, 'busybox'));
  await writeFile(path.join(folder, 'line'), `${line}\n`);
  await writeFile(
    path.join(folder, 'Dockerfile'),
    'FROM scratch\nCOPY busybox /bin/busybox\nCOPY line /etc/line\nCMD ["/bin/busybox", "cat", "/etc/line"]\n',
  );
  const env = { ...process.env, DOCKER_BUILDKIT: '0' };
  ok(t, await dockerd.run(['build', '--network', 'none', '--quiet', '--tag', custom, folder], { env }));
  return ok(t, await dockerd.run(['inspect', '--format', '{{.Id}}', custom])).trim();
}

interface SiteOfTest {
  readonly at: (...parts: readonly string[]) => string;
  readonly env: NodeJS.ProcessEnv;
  readonly key: string;
  readonly trusted: string;
}

/** A pack that uses the image, a manifest, and a key. */
async function site(
  t: ExecutionContext,
  folder: string,
  dockerd: Dockerd,
  from: string,
): Promise<SiteOfTest> {
  const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
  await writePack(at('Packs', 'OnSite'), [custom]);
  const manifest = `schema: packferry.export/v1\nname: site\npacks:\n  - path: Packs\nimages:\n  - { pattern: "localhost/*", from: ${from} }\npolicy: { thirdParty: allow }\n`;
  await writeFile(at('site.yml'), manifest);
  const [key, trusted] = [at('key'), at('allowed_signers')];
  await writeFile(
    trusted,
    ok(t, await packferry(['keygen', '-o', key, '--principal', 'builder', '--no-passphrase'])),
  );
  const env = {
    ...process.env,
    ...{ DOCKER_HOST: `unix://${dockerd.socket}`, XDG_CACHE_HOME: at('cache') },
  };
  return { at, env, key, trusted };
}

test.serial(
  'an image that was built on site and that a pack uses travels in a signed bundle to another engine',
  needing(needs, async (t) => {
    await withFolder(async (folder) => {
      let id = '';
      const bundle = path.join(folder, 'bundle');
      const trusted = path.join(folder, 'allowed_signers');
      await withDockerd(async (connected) => {
        id = await build(t, connected, path.join(folder, 'build'));
        const { at, env, key } = await site(t, folder, connected, '["registry:", "docker:"]');
        const planned = await packferry(['plan', at('site.yml'), '--json'], { env });
        const [image] = (JSON.parse(ok(t, planned)) as PlanReport).images;
        t.like(image, { reference: custom, source: 'docker:', config: { digest: id } });
        t.notRegex(planned.stderr, /passed over/, 'no registry is waited for');

        ok(t, await packferry(['lock', at('site.yml')], { env }));
        const lock = JSON.parse(await readFile(at('packferry.lock.json'), 'utf8')) as LockDocument;
        t.is(lock.images[0]?.source, 'docker:');
        const exporting = ['export', at('site.yml'), '-o', bundle, '--key', key, '--frozen-lock', '--json'];
        const exported = await packferry(exporting, { env });
        t.is((JSON.parse(ok(t, exported)) as ExportReport).status, 'written');
        t.notRegex(exported.stderr, /passed over/, 'the lock says where the image comes from');
        const document = JSON.parse(
          await readFile(path.join(bundle, 'bundle.json'), 'utf8'),
        ) as BundleDocument;
        t.is(document.images[0]?.source, 'docker:');

        const outdated = await packferry(['outdated', at('site.yml')], { env });
        t.regex(ok(t, outdated), /not comparable.*docker keeps no list of tags/);
      });
      await withDockerd(async (closed) => {
        const to = ['--to', `docker:unix://${closed.socket}`, '--trusted-keys', trusted];
        ok(t, await packferry(['import', bundle, ...to]));
        t.is(ok(t, await closed.run(['inspect', '--format', '{{.Id}}', custom])).trim(), id);
        t.is(ok(t, await closed.run(['run', '--rm', '--network', 'none', custom])).trim(), line);
      });
    });
  }),
);

test.serial(
  'two exports of one engine image give the same bytes; podman: and a saved file give an image with the same ID',
  needing([...needs, 'podman'], async (t) => {
    await withFolder(async (folder) => {
      await withDockerd(async (dockerd) => {
        const id = await build(t, dockerd, path.join(folder, 'build'));
        const { at, env, key } = await site(t, folder, dockerd, '"docker:"');
        for (const name of ['one', 'two']) {
          const exporting = ['export', at('site.yml'), '-o', at(name), '--key', key];
          ok(t, await packferry(exporting, { env: { ...env, XDG_CACHE_HOME: at(`cache-${name}`) } }));
        }
        const [one, two] = await Promise.all(
          ['one', 'two'].map((name) => readFile(at(name, 'images-001.tar'))),
        );
        t.true(one !== undefined && two !== undefined && one.equals(two));
        t.true((await readdir(at('cache-one', 'packferry', 'spool'))).length > 0);

        ok(t, await dockerd.run(['save', '-o', at('saved.tar'), custom]));
        await withPodman(async (podman) => {
          await podman.run(['load', '-i', at('saved.tar')]);
          for (const from of [`podman:unix://${podman.socket}`, 'docker-archive:saved.tar']) {
            const manifest = `schema: packferry.export/v1\nname: site\nimages: [{reference: "${custom}", from: "${from}"}]\n`;
            await writeFile(at('other.yml'), manifest);
            const planned = await packferry(['plan', at('other.yml'), '--json'], { env });
            const [image] = (JSON.parse(ok(t, planned)) as PlanReport).images;
            t.like(image, { source: from, config: { digest: id } });
          }
        });
      });
    });
  }),
);

test.serial(
  'an engine that is not there is told with what to do, by one error',
  needing(['root'], async (t) => {
    await withFolder(async (folder) => {
      const at = path.join(folder, 'm.yml');
      await writeFile(
        at,
        `schema: packferry.export/v1\nname: x\nimages: [{reference: "${custom}", from: ["docker:", "podman:unix:///nonexistent/p.sock"]}]\n`,
      );
      const env = { ...process.env, DOCKER_HOST: 'unix:///nonexistent/docker.sock', XDG_CACHE_HOME: folder };
      const { status, stderr } = await packferry(['plan', at], { env });
      t.is(status, 5, stderr);
      t.regex(stderr, /docker: .*nonexistent\/docker\.sock/);
      t.regex(stderr, /podman:unix.*nonexistent\/p\.sock/);
    });
  }),
);
