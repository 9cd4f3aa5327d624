import path from 'node:path';
import test from 'ava';
import { copyReport, importReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { withCraneRegistry } from '../helpers/system-crane-registry.ts';
import { execOk } from '../helpers/system-exec.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

test.serial(
  'a registry that is not the distribution project’s takes the images, is asked what it has, and is copied from',
  needing(['docker-registry', 'skopeo', 'newer-engines', 'root'], async (t) => {
    await withSite(async (site) => {
      t.is((await runCli(site.exporting)).status, 0);
      await withCraneRegistry(async (registry) => {
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
        const writesOf = async (): Promise<number> =>
          (await registry.log()).match(/ (POST|PATCH|PUT) /g)?.length ?? 0;
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
