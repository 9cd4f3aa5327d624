import path from 'node:path';
import test from 'ava';
import { copyReport, importReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { withCraneRegistry } from '../helpers/system-crane-registry.ts';
import type { Service } from '../helpers/system-service.ts';
import { execOk } from '../helpers/system-exec.ts';
import { needing, systemTools, type Need } from '../helpers/system-tools.ts';
import { withZot } from '../helpers/system-zot.ts';

interface Registry extends Service {
  readonly host: string;
}

interface Kind {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly start: (use: (registry: Registry) => Promise<void>) => Promise<void>;
  /** Of a request that writes, in its log. */
  readonly write: RegExp;
}

/** Registries of other makers than the distribution project. */
const kinds: readonly Kind[] = [
  {
    name: 'the registry of go-containerregistry',
    needs: ['newer-engines', 'root'],
    start: withCraneRegistry,
    write: / (POST|PATCH|PUT) /g,
  },
  { name: 'zot', needs: ['zot'], start: withZot, write: /"method":"(POST|PATCH|PUT)"/g },
];

for (const { name: maker, needs, start, write } of kinds)
  test.serial(
    `${maker} takes the images, is asked what it has, and is copied from`,
    needing(['docker-registry', 'skopeo', ...needs], async (t) => {
      await withSite(async (site) => {
        t.is((await runCli(site.exporting)).status, 0);
        await start(async (registry) => {
          const { host } = registry;
          const importing = async (status: string): Promise<readonly string[]> => {
            const ran = await runCli([...site.importing, '--to', `registry://${host}/xsoar`, '--json']);
            t.is(ran.status, 0, ran.stderr);
            const images = importReport.parse(JSON.parse(ran.stdout)).targets[0]?.images ?? [];
            t.deepEqual(
              images.map((image) => image.status),
              [status, status, status],
            );
            return images.map(({ reference, id }) => `${reference.replace('docker.io/', '')} ${id ?? ''}`);
          };
          const brought = await importing('loaded');
          const writesOf = async (): Promise<number> => (await registry.log()).match(write)?.length ?? 0;
          const writes = await writesOf();
          t.true(writes > 0, await registry.log());
          t.deepEqual(await importing('present'), brought);
          t.is(await writesOf(), writes, 'nothing was sent the second time');

          for (const each of brought) {
            const [name = '', digest = ''] = each.split(' ');
            const from = `docker://${host}/xsoar/${name}`;
            const asking = ['inspect', '--tls-verify=false', '--no-tags', '--format', '{{.Digest}}', from];
            t.is((await execOk(systemTools().path('skopeo'), asking)).trim(), digest);
          }
          await withFolder(async (folder) => {
            const names = brought.map((each) => `${host}/xsoar/${each.split(' ')[0] ?? ''}`);
            const to = `oci:${path.join(folder, 'layout')}`;
            const ran = await runCli(
              ['copy', ...names, '--from', 'registry:', '--to', to, '--plain-http', host, '--json'],
              { env: { XDG_CACHE_HOME: path.join(folder, 'cache') } },
            );
            t.is(ran.status, 0, ran.stderr);
            const { targets } = copyReport.parse(JSON.parse(ran.stdout));
            t.deepEqual(
              targets.map(({ images }) => images.map(({ status }) => status)),
              [['loaded', 'loaded', 'loaded']],
            );
          });
        });
      });
    }),
  );

test.serial(
  'zot as it is delivered takes no manifests of Docker’s own kind: told as such, with what to set',
  needing(['docker-registry', 'zot'], async (t) => {
    await withSite(async (site) => {
      t.is((await runCli(site.exporting)).status, 0);
      const asDelivered = { takesDocker: false };
      await withZot(async ({ host }) => {
        const ran = await runCli([...site.importing, '--to', `registry://${host}`]);
        t.is(ran.status, 6, ran.stderr);
        t.regex(ran.stderr, /E_TARGET_UNWRITABLE.*takes no manifests of Docker's own kind/);
        t.regex(ran.stderr, /hint: .*"compat": \["docker2s2"\]/);
      }, asDelivered);
    });
  }),
);
