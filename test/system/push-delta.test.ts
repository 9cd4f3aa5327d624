import { writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import { totalSize } from '../../src/core/image.ts';
import { importReport, type ImportReport } from '../../src/schema/reports.ts';
import { withBaseAndDelta, type BaseAndDelta } from '../helpers/base-and-delta.ts';
import { runCli } from '../helpers/cli-run.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { execOk } from '../helpers/system-exec.ts';
import { withDockerRegistry, type DockerRegistry } from '../helpers/system-registry.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';
import { startTokenService } from '../helpers/token-service.ts';

const bodies = /"(PATCH|PUT) \S+\/blobs\/uploads\//;
const mounts = /"POST \S+mount=\S+ HTTP\/1.1" 201/;

async function logOf(registry: DockerRegistry, pattern: RegExp): Promise<number> {
  return (await registry.log()).split('\n').filter((line) => pattern.test(line)).length;
}

async function importing(
  t: ExecutionContext,
  { trusted }: BaseAndDelta,
  dir: string,
  more: readonly string[],
  status = 0,
): Promise<ImportReport> {
  const ran = await runCli(['import', dir, '--trusted-keys', trusted, ...more, '--json']);
  t.is(ran.status, status, ran.stderr);
  return importReport.parse(JSON.parse(ran.stdout));
}

/** What a registry gives under a name, read by skopeo with all layers. */
async function pulled({ folder }: BaseAndDelta, name: string): Promise<string> {
  const skopeo = systemTools().path('skopeo');
  const to = `dir:${folder}/${digestOf(Buffer.from(name)).slice(-12)}`;
  await execOk(skopeo, ['copy', '--src-tls-verify=false', `docker://${name}`, to]);
  const args = ['inspect', '--tls-verify=false', '--no-tags', '--format', '{{.Digest}}', `docker://${name}`];
  return (await execOk(skopeo, args)).trim();
}

/** The images of the delta are there, whole and unchanged. */
async function arrived(t: ExecutionContext, made: BaseAndDelta, { targets }: ImportReport): Promise<void> {
  const images = targets[0]?.images ?? [];
  t.is(images.length, made.newer.length);
  for (const { reference, deliveredAs = '' } of images) {
    const image = made.newer.find((one) => one.reference === reference);
    t.is(await pulled(made, deliveredAs), image?.manifest.digest ?? '', reference);
  }
}

test.serial(
  'a delta into a registry that has its base: only what it carries is sent, digests stay, and engines pull it',
  needing(['docker-registry', 'skopeo', 'dockerd', 'docker', 'root'], async (t) => {
    await withBaseAndDelta(async (made) => {
      await withDockerRegistry(async (registry) => {
        const to = ['--to', `registry://${registry.host}/xsoar`];
        await importing(t, made, made.base, to);
        const before = await logOf(registry, bodies);
        const report = await importing(t, made, made.delta, to);
        const { newer, requires } = made;
        t.is(await logOf(registry, /_catalog/), 0, 'the base is where it should be');
        const left = new Set<string>(requires.map(({ digest }) => digest));
        const carried = newer.slice(1).flatMap(({ config, layers }) => [config, ...layers]);
        const digests = new Set(carried.map(({ digest }) => digest).filter((digest) => !left.has(digest)));
        const bytes = report.targets[0]?.images.reduce((sum, { bytesSent }) => sum + bytesSent, 0) ?? 0;
        const sent = [...digests].map((digest) => carried.find((blob) => blob.digest === digest)?.size ?? 0);
        const manifests = totalSize(newer.slice(1).map(({ manifest }) => manifest));
        t.is(
          bytes,
          sent.reduce((sum, size) => sum + size, manifests),
        );
        t.is((await logOf(registry, bodies)) - before, digests.size, 'one request with a body for each blob');
        await arrived(t, made, report);
        await withDockerd(async (docker) => {
          const { deliveredAs = '' } = report.targets[0]?.images[1] ?? {};
          t.is((await docker.run(['pull', deliveredAs])).status, 0);
        });
      });
    });
  }),
);

test.serial(
  'layers are found under the names that the base got: below the prefix, renamed as now, or not renamed',
  needing(['docker-registry', 'skopeo'], async (t) => {
    await withBaseAndDelta(async (made) => {
      await withDockerRegistry(async (registry) => {
        const to = ['--to', `registry://${registry.host}/xsoar`];
        const soc = ['--retag', 'docker.io/demisto/*=soc/site-*'];
        const apart = ['--retag', 'docker.io/demisto/*=apart/*'];
        // Without the one image that is in both bundles, so that no repository of the delta has anything.
        const images = made.newer.slice(1).flatMap(({ reference }) => ['--image', reference]);
        await importing(t, made, made.base, [...to, ...soc]);
        const same = await importing(t, made, made.delta, [...to, ...soc, ...images]);
        t.deepEqual(
          same.targets[0]?.images.map(({ status }) => status),
          ['loaded', 'loaded'],
        );
        t.true((await logOf(registry, mounts)) >= made.requires.length);
        t.is(await logOf(registry, /_catalog/), 0);
        await importing(t, made, made.base, to);
        const other = await importing(t, made, made.delta, [...to, ...apart, ...images]);
        t.deepEqual(
          other.targets[0]?.images.map(({ status }) => status),
          ['loaded', 'loaded'],
        );
        t.is(await logOf(registry, /_catalog/), 0);
        for (const { reference, deliveredAs = '' } of other.targets[0]?.images ?? []) {
          const image = made.newer.find((one) => one.reference === reference);
          t.is(await pulled(made, deliveredAs), image?.manifest.digest ?? '');
        }
      });
    });
  }),
);

test.serial(
  'layers of a base that was pushed below another prefix are found by the list of repositories',
  needing(['docker-registry', 'skopeo'], async (t) => {
    await withBaseAndDelta(
      async (made) => {
        await withDockerRegistry(async (registry) => {
          await importing(t, made, made.base, ['--to', `registry://${registry.host}/old`]);
          const to = ['--to', `registry://${registry.host}/new/place`];
          const dry = await importing(t, made, made.delta, [...to, '--dry-run']);
          const { python } = made;
          const there = dry.targets[0]?.images.find(({ reference }) => reference === python.reference);
          t.is(there?.bytesMissing, python.config.size + python.manifest.size, 'no layer needs to be sent');
          const report = await importing(t, made, made.delta, to);
          await arrived(t, made, report);
        });
      },
      { namesImage: false },
    );
  }),
);

test.serial(
  'a registry with tokens, of which the account may only read the repositories of the base: they are mounted from',
  needing(['docker-registry'], async (t) => {
    const certificate = makeCertificate();
    const [username, password] = ['soc', 's3cr3t-canary'];
    const mayDo = (action: string, name: string): boolean => action === 'pull' || name.startsWith('new/');
    const tokens = await startTokenService(certificate, `${username}:${password}`, mayDo);
    try {
      await withBaseAndDelta(async (made) => {
        await withDockerRegistry(async (open) => {
          await importing(t, made, made.base, ['--to', `registry://${open.host}`]);
          const guarded = { storage: open.storage, tokens: { realm: `${tokens.url}/token`, certificate } };
          await withDockerRegistry(async (registry) => {
            const auth = Buffer.from(`${username}:${password}`).toString('base64');
            const file = `${made.folder}/auth.json`;
            await writeFile(file, JSON.stringify({ auths: { [registry.host]: { auth } } }), { mode: 0o600 });
            const to = ['--to', `registry://${registry.host}`, '--authfile', file];
            const refused = await runCli(['import', made.delta, '--trusted-keys', made.trusted, ...to]);
            t.is(refused.status, 6);
            t.regex(refused.stderr, /E_TARGET_DENIED/);
            const elsewhere = ['--retag', 'docker.io/demisto/*=new/*'];
            const report = await importing(t, made, made.delta, [...to, ...elsewhere]);
            t.deepEqual(
              report.targets[0]?.images.map(({ status }) => status),
              ['loaded', 'loaded', 'loaded'],
            );
            t.true((await logOf(registry, mounts)) >= made.requires.length);
          }, guarded);
        });
      });
    } finally {
      await tokens.close();
    }
  }),
);

test.serial(
  'a delta into a registry that has nothing is refused before anything is sent',
  needing(['docker-registry'], async (t) => {
    await withBaseAndDelta(async (made) => {
      await withDockerRegistry(async (registry) => {
        const to = ['--to', `registry://${registry.host}/x`];
        const ran = await runCli(['import', made.delta, '--trusted-keys', made.trusted, ...to]);
        t.is(ran.status, 6, ran.stderr);
        t.regex(ran.stderr, /error\[E_BASE_MISSING\]: nothing was sent/);
        t.is(await logOf(registry, /"(POST|PATCH|PUT) /), 0);

        // The base as lender brings all of it there.
        await importing(t, made, made.delta, [...to, '--with', made.base]);
        const report = await importing(t, made, made.delta, to);
        t.true(report.targets[0]?.images.every(({ status }) => status === 'present'));
      });
    });
  }),
);
