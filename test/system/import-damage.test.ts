import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { digestOf } from '../../src/core/digest.ts';
import { MemoryInput, MemoryOutput } from '../helpers/cli-run.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { withImportSite, type MadeBundle } from '../helpers/import-site.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { assertHolds, endpointOf, importBundleInto, importRefused } from '../helpers/system-import.ts';

const images = Object.fromEntries(
  ['one', 'two'].map((name) => [
    `docker.io/demisto/${name}:1`,
    composeImage({ files: [{ path: name, content: noise(name, 100_000) }] }),
  ]),
);

/** Changes one byte of the last layer of the last image; returns what undoes it. */
async function damage({ dir, images }: MadeBundle): Promise<() => Promise<void>> {
  const file = path.join(dir, 'images-001.tar');
  const bytes = await readFile(file);
  const layer = images.at(-1)?.layers.at(-1);
  const blob = Object.values(imageLayers()).find((one) => digestOf(one) === layer?.digest);
  if (blob === undefined) throw new Error('no such layer');
  const at = bytes.indexOf(blob) + blob.length - 9;
  const handle = await open(file, 'r+');
  await handle.write(Buffer.from([(bytes[at] ?? 0) ^ 1]), 0, 1, at);
  await handle.close();
  return () => writeFile(file, bytes);
}

function imageLayers(): Buffer[] {
  return Object.values(images).flatMap(({ layers }) => layers.map(({ bytes }) => bytes));
}

engineTest(
  'import: of a bundle with a bad layer nothing reaches the engine, --keep-going or not',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', images);
      const mend = await damage(bundle);
      const proxy = path.join(bench.engine.folder, 'counted.sock');
      await withCountingSocket(proxy, bench.engine.socket, async ({ sent }) => {
        const endpoint = endpointOf(bench.kind, proxy);
        for (const more of [[], ['--keep-going'], ['--image', 'demisto/one:1']]) {
          const { status, stderr } = await importRefused(site, bundle, endpoint, { more });
          t.is(status, 4, stderr);
          t.regex(stderr, /error\[E_DIGEST_MISMATCH\]: .*images-001\.tar/);
        }
        // It may be asked what it has of the names, which are signed. One layer alone has 100,000 bytes.
        t.true(sent() < 50_000, `${sent()} bytes were sent`);
        await assertHolds(t, bench, []);
        await mend();
        await importBundleInto(t, site, bundle, endpoint);
        await assertHolds(t, bench, bundle.images);
      });
    });
  },
);

engineTest(
  'import: a layer that goes bad while the user is asked: the image is not loaded, the other one is',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', images);
      const endpoint = endpointOf(bench.kind, bench.engine.socket);
      const [stdin, stderr] = [new MemoryInput(true), new MemoryOutput(true)];
      const running = importBundleInto(t, site, bundle, endpoint, {
        more: ['--keep-going', '--no-progress'],
        status: 4,
        stdin,
        stderr,
      });
      await stderr.shows('Load them?');
      const mend = await damage(bundle);
      stdin.write('y\r');
      const { images: reported } = await running;
      t.deepEqual(
        reported.map(({ status, error }) => [status, error?.code]),
        [
          ['loaded', undefined],
          ['failed', 'E_DIGEST_MISMATCH'],
        ],
      );
      await assertHolds(t, bench, bundle.images.slice(0, 1));
      await mend();
      await importBundleInto(t, site, bundle, endpoint);
      await assertHolds(t, bench, bundle.images);
    });
  },
);
