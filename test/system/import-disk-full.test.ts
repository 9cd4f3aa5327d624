import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { assertHolds, endpointOf, importBundleInto } from '../helpers/system-import.ts';

const mib = 1024 * 1024;

/** As large as the data of the engines that load from a copy of the archive on the same disk needs twice. */
const large = 20;
const diskMib = 2 * large + 20;

for (const jobs of [1, 2])
  engineTest(
    `import --jobs ${jobs}: an engine whose disk is full says so, small images go on, and when there is room a rerun completes`,
    async (t, bench) => {
      await withImportSite(async (site) => {
        const { kind, engine } = bench;
        const bundle = await site.make('bundle', {
          'docker.io/demisto/large:1': composeImage({
            files: [{ path: 'large', content: noise('large', large * mib) }],
          }),
          'docker.io/demisto/small:1': composeImage({
            files: [{ path: 'small', content: noise('small', 100_000) }],
          }),
          'docker.io/demisto/tiny:1': composeImage({
            files: [{ path: 'tiny', content: noise('tiny', 1000) }],
          }),
        });
        const endpoint = endpointOf(kind, engine.socket);
        const filler = path.join(engine.data, 'filler');
        await writeFile(filler, Buffer.alloc((diskMib - large + 5) * mib));

        const full = await importBundleInto(t, site, bundle, endpoint, {
          more: ['--keep-going', '--jobs', String(jobs)],
          status: 3,
        });
        t.deepEqual(
          full.images.map(({ reference, status, error }) => [reference, status, error?.code]),
          [
            ['docker.io/demisto/large:1', 'failed', 'E_TARGET_FULL'],
            ['docker.io/demisto/small:1', 'loaded', undefined],
            ['docker.io/demisto/tiny:1', 'loaded', undefined],
          ],
        );
        t.regex(full.stderr, /large:1: .*no space left on device/);
        t.regex(full.stderr, /hint: Free space on the disk of the engine/);
        await assertHolds(t, bench, bundle.images.slice(1));

        await rm(filler);
        const rerun = await importBundleInto(t, site, bundle, endpoint);
        t.deepEqual(
          rerun.images.map(({ status }) => status),
          ['loaded', 'present', 'present'],
        );
        await assertHolds(t, bench, bundle.images);
      });
    },
    engineKinds,
    { dataSize: diskMib * 1024 },
  );
