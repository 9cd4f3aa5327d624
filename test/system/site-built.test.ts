import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import type { LockDocument } from '../../src/schema/lock.ts';
import type { ExportReport } from '../../src/schema/reports.ts';
import type { PlanReport } from '../../src/schema/reports-plan.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { packferry } from '../helpers/cli.ts';
import { withSmallDisk } from '../helpers/small-disk.ts';
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
        // Two share a folder for what is unpacked, and run at the same time; the third has its own.
        await Promise.all(
          [
            ['one', 'shared', '1'],
            ['two', 'shared', '6'],
            ['three', 'own', '2'],
          ].map(async ([name = '', cache = '', jobs = '']) => {
            const exporting = ['export', at('site.yml'), '-o', at(name), '--key', key, '-j', jobs];
            ok(t, await packferry(exporting, { env: { ...env, XDG_CACHE_HOME: at(cache) } }));
          }),
        );
        const [one, ...others] = await Promise.all(
          ['one', 'two', 'three'].map((name) => readFile(at(name, 'images-001.tar'))),
        );
        t.deepEqual(
          others.map((other) => one?.equals(other)),
          [true, true],
        );
        t.true((await readdir(at('shared', 'packferry', 'spool'))).length > 0);

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
          // The whole way: two names of one image of Podman's, into a Docker that has neither.
          const second = 'own.example/tool/custom:2';
          await podman.run(['tag', custom, second]);
          const manifest = `schema: packferry.export/v1\nname: site\nimages: [{reference: "${custom}", from: ["registry:", "podman:"]}, {reference: "${second}", from: "podman:"}]\npolicy: { thirdParty: allow }\n`;
          await writeFile(at('podman.yml'), manifest);
          const exporting = ['export', at('podman.yml'), '-o', at('four'), '--key', key, '--json'];
          const podmanEnv = { ...env, CONTAINER_HOST: `unix://${podman.socket}`, DOCKER_HOST: '' };
          const report = JSON.parse(ok(t, await packferry(exporting, { env: podmanEnv }))) as ExportReport;
          t.is(report.totals.images, 2);
          ok(t, await dockerd.run(['rmi', custom]));
          const to = ['--to', `docker:unix://${dockerd.socket}`, '--trusted-keys', at('allowed_signers')];
          ok(t, await packferry(['import', at('four'), ...to]));
          for (const name of [custom, second]) {
            t.is(ok(t, await dockerd.run(['inspect', '--format', '{{.Id}}', name])).trim(), id);
            t.is(ok(t, await dockerd.run(['run', '--rm', '--network', 'none', name])).trim(), line);
          }
        });
      });
    });
  }),
);

test.serial(
  'between lock and export the folder of unpacked layers is damaged, then emptied, and then the image is another one',
  needing(needs, async (t) => {
    await withFolder(async (folder) => {
      await withDockerd(async (dockerd) => {
        await build(t, dockerd, path.join(folder, 'build'));
        const { at, env, key } = await site(t, folder, dockerd, '"docker:"');
        ok(t, await packferry(['lock', at('site.yml')], { env }));
        const exporting = ['export', at('site.yml'), '--key', key, '--frozen-lock', '-o'];
        const spool = at('cache', 'packferry', 'spool');
        const blobs = path.join(spool, 'blobs', 'sha256');
        for (const name of await readdir(blobs)) {
          const bytes = await readFile(path.join(blobs, name));
          bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
          await writeFile(path.join(blobs, name), bytes);
        }
        ok(t, await packferry([...exporting, at('one')], { env }));
        await rm(spool, { recursive: true });
        ok(t, await packferry([...exporting, at('two')], { env }));
        const [one, two] = await Promise.all(
          ['one', 'two'].map((name) => readFile(at(name, 'images-001.tar'))),
        );
        t.true(one !== undefined && two !== undefined && one.equals(two));

        await writeFile(at('other.tar'), Buffer.alloc(1024));
        ok(t, await dockerd.run(['import', at('other.tar'), custom]));
        const frozen = await packferry([...exporting, at('three')], { env });
        t.is(frozen.status, 5, frozen.stderr);
        t.regex(frozen.stderr, /E_IMAGE_NOT_FOUND.*localhost\/custom:1: docker no longer serves sha256:/);
        const moved = await packferry(
          exporting.filter((one) => one !== '--frozen-lock').concat(at('three')),
          {
            env,
          },
        );
        t.regex(moved.stderr, /E_TAG_MOVED.*localhost\/custom:1: moved since/);
        t.false((await readdir(folder)).includes('three'));
      });
    });
  }),
);

test.serial(
  'a socket that the user may not use, and a disk that is too small for what is unpacked',
  needing(needs, async (t) => {
    await withFolder(async (folder) => {
      await withDockerd(async (dockerd) => {
        await build(t, dockerd, path.join(folder, 'build'));
        const { at, env } = await site(t, folder, dockerd, '"docker:"');
        await chmod(folder, 0o755);
        await chmod(path.dirname(dockerd.socket), 0o755);
        await chmod(dockerd.socket, 0o660);
        // Somebody without an account entry, too.
        const home = { ...env, HOME: '/nonexistent', XDG_CACHE_HOME: at('own') };
        await mkdir(at('own'), { mode: 0o777 });
        await chmod(at('own'), 0o777);
        const denied = await packferry(['plan', at('site.yml')], { env: home, uid: 54321 });
        t.is(denied.status, 5, denied.stderr);
        t.regex(
          denied.stderr,
          /E_SOURCE_DENIED.*localhost\/custom:1: .*access denied.*\nhint: Join the group docker/,
        );

        await withSmallDisk(t, folder, 1024, async (disk) => {
          const full = await packferry(['plan', at('site.yml')], { env: { ...env, XDG_CACHE_HOME: disk } });
          t.regex(full.stderr, /E_DISK_FULL/);
          const left = await readdir(path.join(disk, 'packferry', 'spool'), { recursive: true });
          t.deepEqual(left.sort(), ['blobs', 'blobs/sha256', 'images', 'layers']);
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
