import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, sampleImagesFor, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import { serveContent } from '../../src/registry/server.ts';
import { copyReport, importReport, type CopyReport, type ImportReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { launcher } from '../helpers/cli.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite, type Site } from '../helpers/cli-site.ts';
import { pushImage } from '../helpers/push-image.ts';
import { pushRegistry } from '../helpers/push-registry.ts';
import { withSmallDisk } from '../helpers/small-disk.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { withEngine, engineKinds } from '../helpers/system-engine-kinds.ts';
import { execOk } from '../helpers/system-exec.ts';
import { guardedAccount, withDockerRegistry, type DockerRegistry } from '../helpers/system-registry.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

async function exported(t: ExecutionContext, site: Site): Promise<void> {
  const ran = await runCli(site.exporting);
  t.is(ran.status, 0, ran.stderr);
}

async function importing(t: ExecutionContext, argv: readonly string[], status = 0): Promise<ImportReport> {
  const ran = await runCli([...argv, '--json']);
  t.is(ran.status, status, ran.stderr);
  return importReport.parse(JSON.parse(ran.stdout));
}

async function copying(t: ExecutionContext, argv: readonly string[], status = 0): Promise<CopyReport> {
  return withFolder(async (cache) => {
    const ran = await runCli(['copy', ...argv, '--json'], { env: { XDG_CACHE_HOME: cache } });
    t.is(ran.status, status, ran.stderr);
    return copyReport.parse(JSON.parse(ran.stdout));
  });
}

const statuses = ({ targets }: Pick<CopyReport, 'targets'>): string[][] =>
  targets.map(({ images }) => images.map(({ status }) => status));

/** What skopeo, which knows nothing of packferry, finds under a name. */
async function digestAt(host: string, name: string): Promise<string> {
  const args = [
    'inspect',
    '--tls-verify=false',
    '--no-tags',
    '--format',
    '{{.Digest}}',
    `docker://${host}/${name}`,
  ];
  return (await execOk(systemTools().path('skopeo'), args)).trim();
}

async function logOf(registry: DockerRegistry, pattern: RegExp): Promise<number> {
  return (await registry.log()).split('\n').filter((line) => pattern.test(line)).length;
}

test.serial(
  'a bundle into a registry: digests unchanged, bases mounted and not sent twice, the second time nothing is sent, and engines pull it',
  needing(['docker-registry', 'skopeo', 'dockerd', 'docker', 'podman', 'root'], async (t) => {
    await withSite(async (site) => {
      await exported(t, site);
      await withDockerRegistry(async (registry) => {
        const { host } = registry;
        const to = [...site.importing, '--to', `registry://${host}/xsoar`];
        const dry = await importing(t, [...to, '--dry-run']);
        t.deepEqual(statuses(dry), [['pending', 'pending', 'pending']]);
        t.is(await logOf(registry, /"(POST|PATCH|PUT) /), 0, 'a dry run only asks');

        const first = await importing(t, to);
        t.deepEqual(statuses(first), [['loaded', 'loaded', 'loaded']]);
        for (const image of first.targets[0]?.images ?? []) {
          const name = image.reference.replace('docker.io/', 'xsoar/');
          t.is(image.deliveredAs, `${host}/${name}`);
          t.is(await digestAt(host, name), image.id ?? '');
        }
        t.true((await logOf(registry, /"POST \S+mount=\S+ HTTP\/1.1" 201/)) > 0, 'the base was mounted');
        const mounted =
          first.targets[0]?.images.reduce((sum, { bytesSkipped }) => sum + bytesSkipped, 0) ?? 0;
        t.true(mounted > 0);

        const writes = await logOf(registry, /"(POST|PATCH|PUT) /);
        const second = await importing(t, to);
        t.deepEqual(statuses(second), [['present', 'present', 'present']]);
        t.is(await logOf(registry, /"(POST|PATCH|PUT) /), writes, 'nothing was sent');

        const pulled = `${host}/xsoar/${siteReferences[0] ?? ''}`;
        await withDockerd(async (docker) => {
          t.is((await docker.run(['pull', pulled])).status, 0);
        });
        const podman = engineKinds.find(({ name }) => name === 'installed Podman');
        if (podman?.product !== 'podman') return t.fail();
        await withEngine(podman, async (engine) => {
          if (!('run' in engine)) return;
          await engine.run(['pull', '--tls-verify=false', pulled]);
          t.pass();
        });
      });
    });
  }),
);

test.serial(
  'newer Docker with the containerd store pulls what was pushed',
  needing(['docker-registry', 'newer-engines', 'docker', 'root'], async (t) => {
    const [sample] = sampleImagesFor(['demisto/python3:1']);
    if (sample === undefined) return t.fail();
    await withFolder(async (folder) => {
      await writeOciLayout(path.join(folder, 'oci'), [sample]);
      await withDockerRegistry(async ({ host }) => {
        await copying(t, [
          '--all',
          '--from',
          `oci:${path.join(folder, 'oci')}`,
          '--to',
          `registry://${host}`,
        ]);
        await withDockerd(
          async (docker) => {
            t.is((await docker.run(['pull', `${host}/demisto/python3:1`])).status, 0);
            const { stdout } = await docker.run([
              'image',
              'inspect',
              '--format',
              '{{.Id}}',
              `${host}/demisto/python3:1`,
            ]);
            t.is(stdout.trim(), sample.image.manifest.descriptor.digest);
          },
          { newer: true, store: 'containerd' },
        );
      });
    });
  }),
);

test.serial(
  'a name that stands for another image: an error, kept, moved with the old one under a dated tag, or only moved',
  needing(['docker-registry', 'skopeo'], async (t) => {
    await withSite(async (site) => {
      await exported(t, site);
      await withDockerRegistry(async ({ host }) => {
        const name = siteReferences[0] ?? '';
        const [repository = '', tag = ''] = name.split(':');
        const old = composeImage({ files: [{ path: 'old', content: noise('old', 500) }] });
        await pushImage(host, repository, tag, old);
        const { digest } = old.manifest.descriptor;
        const to = [...site.importing, '--to', `registry://${host}`, '--image', name];

        const refused = await runCli(to);
        t.is(refused.status, 6);
        t.regex(refused.stderr, /E_TAG_CONFLICT[^]*--on-existing retag/);
        t.is(await digestAt(host, name), digest);

        t.deepEqual(statuses(await importing(t, [...to, '--on-existing', 'keep'])), [['kept']]);
        t.is(await digestAt(host, name), digest);

        const retagged = await importing(t, [...to, '--on-existing', 'retag']);
        const aside = `${name}-before-20261123T050000Z`;
        t.like(retagged.targets[0]?.images[0], {
          status: 'loaded',
          replaced: { id: digest, keptAs: `${host}/${aside}` },
        });
        t.is(await digestAt(host, aside), digest);
        const signed = await digestAt(host, name);
        t.not(signed, digest);

        await pushImage(host, repository, tag, old);
        const moved = await importing(t, [...to, '--on-existing', 'overwrite']);
        t.like(moved.targets[0]?.images[0], { status: 'loaded', replaced: { id: digest } });
        t.is(await digestAt(host, name), signed);
      });
    });
  }),
);

test.serial(
  '--retag: images go under other names; two that fall together are refused before anything is sent',
  needing(['docker-registry', 'skopeo'], async (t) => {
    await withSite(async (site) => {
      await exported(t, site);
      await withDockerRegistry(async (registry) => {
        const to = [...site.importing, '--to', `registry://${registry.host}`];
        const ran = await runCli([...to, '--retag', 'demisto/*=soc/all', '--retag', 'a=b']);
        t.is(ran.status, 2, 'FROM has a star that TO has not');
        const same = await runCli([
          ...to,
          '--retag',
          'demisto/python3=demisto/x:1',
          '--retag',
          'demisto/crypto=demisto/x:1',
        ]);
        t.is(same.status, 6, same.stderr);
        t.is(await logOf(registry, /"(POST|PATCH|PUT) /), 0);
        const report = await importing(t, [...to, '--retag', 'docker.io/demisto/*=soc/site-*']);
        for (const { reference, deliveredAs = '', id } of report.targets[0]?.images ?? []) {
          const name = reference.replace('docker.io/demisto/', 'soc/site-');
          t.is(deliveredAs, `${registry.host}/${name}`);
          t.is(await digestAt(registry.host, name), id ?? '');
        }
      });
    });
  }),
);

test.serial(
  'a registry that wants an account: refused without and with a wrong one, and no secret is shown',
  needing(['docker-registry'], async (t) => {
    await withSite(async (site) => {
      await exported(t, site);
      await withDockerRegistry(
        async ({ host }) => {
          const to = [...site.importing, '--to', `registry://${host}`];
          const anonymous = await runCli(to);
          t.is(anonymous.status, 6);
          t.regex(anonymous.stderr, /E_TARGET_DENIED[^]*packferry login/);
          const { username, password } = guardedAccount;
          const file = site.at('auth.json');
          const auth = Buffer.from(`${username}:${password}`).toString('base64');
          await writeFile(file, JSON.stringify({ auths: { [host]: { auth } } }), { mode: 0o600 });
          const report = await importing(t, [...to, '--authfile', file]);
          t.deepEqual(statuses(report), [['loaded', 'loaded', 'loaded']]);
          t.false(anonymous.stderr.includes(password));
        },
        { guarded: true },
      );
    });
  }),
);

test.serial('a server that only gives images is refused as target, in a clear line', async (t) => {
  await withSite(async (site) => {
    await exported(t, site);
    await writeOciLayout(site.at('empty'), []);
    const server = await serveContent(await ociLayoutContent(site.at('empty')), {
      host: '127.0.0.1',
      port: 0,
    });
    try {
      const ran = await runCli([...site.importing, '--to', `registry://${server.host}`]);
      t.is(ran.status, 6);
      t.regex(ran.stderr, /E_TARGET_UNWRITABLE[^]*405[^]*only gives images and takes none/);
    } finally {
      await server.close();
    }
  });
});

test.serial(
  'the disk of the registry is full: said as such, and with room it goes on',
  needing(['docker-registry', 'root'], async (t) => {
    await withFolder(async (folder) => {
      await withSmallDisk(t, folder, 3 * 1024, async (storage) => {
        const image = composeImage({ files: [{ path: 'large', content: noise('large', 5 * 1024 * 1024) }] });
        await writeOciLayout(path.join(folder, 'oci'), [{ reference: 'docker.io/demisto/large:1', image }]);
        await withDockerRegistry(
          async ({ host }) => {
            const to = ['--all', '--from', `oci:${path.join(folder, 'oci')}`, '--to', `registry://${host}`];
            const full = await runCli(['copy', ...to, '--retries', '0']);
            t.is(full.status, 6, full.stderr);
            t.regex(full.stderr, /E_TARGET_UNWRITABLE[^]*Make room/);
            await execOk('mount', ['-o', 'remount,size=32m', storage]);
            t.deepEqual(statuses(await copying(t, to)), [['loaded']]);
          },
          { storage },
        );
      });
    });
  }),
);

test.serial('killed in the middle of a push, the next run sends only what was not finished', async (t) => {
  await withFolder(async (folder) => {
    const files = ['a', 'b', 'c'].map((name) => ({ path: name, content: noise(name, 300_000) }));
    const base = composeImage({ files: files.slice(0, 1) });
    const image = composeImage({ base, files: files.slice(1) });
    await writeOciLayout(path.join(folder, 'oci'), [{ reference: 'docker.io/demisto/one:1', image }]);
    let isKilled = false;
    let kill = (): void => undefined;
    const registry = await pushRegistry(t, ({ method, url }) => {
      const isManifest = method === 'PUT' && url.pathname.includes('/manifests/');
      if (!isManifest || isKilled) return false;
      isKilled = true;
      kill();
      return true;
    });
    const argv = [
      'copy',
      '--all',
      '--from',
      `oci:${path.join(folder, 'oci')}`,
      '--to',
      `registry://${registry.host}`,
    ];
    const child = spawn(process.execPath, [launcher, ...argv], { stdio: 'ignore' });
    kill = () => child.kill('SIGKILL');
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    t.is(signal, 'SIGKILL');
    const [before, blobs] = [registry.received, registry.blobs.size];
    t.true(blobs >= 3);
    t.deepEqual(statuses(await copying(t, argv.slice(1))), [['loaded']]);
    t.is(registry.received, before, 'no byte of a layer was sent again');
  });
});

test.serial(
  'copy: bundle to registry to OCI folder to registry, each with the same digests; nothing unverified leaves a bundle',
  needing(['docker-registry', 'skopeo'], async (t) => {
    await withSite(async (site) => {
      await exported(t, site);
      await withDockerRegistry(async ({ host }) => {
        const registry = `registry://${host}`;
        const from = ['--from', `bundle:${site.bundle}`];
        const trusted = ['--trusted-keys', site.trusted];
        const untrusted = await runCli(['copy', 'demisto/*', ...from, '--to', registry]);
        t.not(untrusted.status, 0);
        await withSite(async (other) => {
          const ran = await runCli([
            'copy',
            '--all',
            ...from,
            '--to',
            registry,
            '--trusted-keys',
            other.trusted,
          ]);
          t.is(ran.status, 4, ran.stderr);
        });

        const pushed = await copying(t, [
          'demisto/py*',
          'demisto/crypto:1.0.0.1',
          ...from,
          ...trusted,
          '--to',
          registry,
        ]);
        t.deepEqual(statuses(pushed), [['loaded', 'loaded']]);
        const text = await runCli(['copy', 'demisto/py*', ...from, ...trusted, '--to', registry]);
        t.regex(text.stdout, /FROM[^]*sha256:[0-9a-f]{64} +bundle:[^]*present/);

        const pulled = await copying(t, [
          ...['demisto/python3:3.12.13.1', 'demisto/crypto:1.0.0.1', '--from', registry],
          ...['--to', `oci:${site.at('out')}`, '--to', `${registry}/again`],
        ]);
        t.deepEqual(statuses(pulled), [
          ['loaded', 'loaded'],
          ['loaded', 'loaded'],
        ]);
        const [, again] = pulled.targets;
        // The manifests alone: all blobs are mounted from where they come from.
        const manifests = pushed.images.map(({ manifest }) => manifest?.size);
        t.deepEqual(
          again?.images.map(({ bytesSent }) => bytesSent),
          manifests,
        );
        for (const { reference, manifest } of pushed.images) {
          const name = reference.replace('docker.io/', '');
          const digest = manifest?.digest ?? '';
          t.is(await digestAt(host, name), digest);
          t.is(await digestAt(host, `again/${name}`), digest);
        }
      });
    });
  }),
);

test.serial(
  'copy: the first source that has an image gives it; what nobody has fails alone with --keep-going',
  needing(['docker-registry'], async (t) => {
    await withSite(async (site) => {
      await withDockerRegistry(async ({ host }) => {
        const from = ['--from', `oci:${site.at('nothing')}`, '--from', `registry://${site.host}`];
        const argv = ['demisto/python3:3.12.13.1', 'demisto/none:1', ...from, '--to', `registry://${host}`];
        const all = await runCli(['copy', ...argv]);
        t.is(all.status, 5, all.stderr);
        const some = await runCli(['copy', ...argv, '--keep-going', '--json']);
        t.is(some.status, 3, some.stderr);
        const report = copyReport.parse(JSON.parse(some.stdout));
        t.deepEqual(statuses(report), [['loaded']]);
        t.is(report.images[0]?.source, `registry://${site.host}`);
      });
    });
  }),
);

test.serial(
  'copy: from Docker to a registry, and from there to Podman: the same image',
  needing(['docker-registry', 'dockerd', 'docker', 'podman', 'root'], async (t) => {
    const name = 'demisto/python3:1';
    const [sample] = sampleImagesFor([name]);
    if (sample === undefined) return t.fail();
    await withFolder(async (folder) => {
      await writeOciLayout(path.join(folder, 'oci'), [sample]);
      await withDockerRegistry(async ({ host }) => {
        await withDockerd(async (docker) => {
          const engine = `docker:unix://${docker.socket}`;
          await copying(t, ['--all', '--from', `oci:${path.join(folder, 'oci')}`, '--to', engine]);
          const pushed = await copying(t, [name, '--from', engine, '--to', `registry://${host}`]);
          t.deepEqual(statuses(pushed), [['loaded']]);
          t.is(pushed.images[0]?.config.digest, sample.image.config.descriptor.digest);
        });
        const podman = engineKinds.find((kind) => kind.name === 'installed Podman');
        if (podman === undefined) return t.fail();
        await withEngine(podman, async ({ socket }) => {
          const argv = [name, '--from', `registry://${host}`, '--to', `podman:unix://${socket}`];
          const loaded = await copying(t, argv);
          t.like(loaded.targets[0]?.images[0], {
            status: 'loaded',
            id: sample.image.config.descriptor.digest,
          });
          t.deepEqual(statuses(await copying(t, argv)), [['present']]);
        });
      });
    });
  }),
);
