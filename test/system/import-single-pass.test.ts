import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { assertHolds, endpointOf, importBundleInto } from '../helpers/system-import.ts';

function on(base: ComposedImage | undefined, name: string, size: number): ComposedImage {
  const files = [{ path: name, content: noise(name, size) }];
  return composeImage(base === undefined ? { files } : { base, files });
}

const base = on(on(undefined, 'os', 1_500_000), 'python', 500_000);
const images = {
  'docker.io/demisto/base:1': base,
  'docker.io/demisto/one:1': on(base, 'one', 2_500_000),
  'docker.io/demisto/two:1': on(base, 'two', 100_000),
};

engineTest(
  'import --single-pass: a layer that turns out bad at its last byte: the images before it are whole, it is not there',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', images);
      const file = path.join(bundle.dir, 'images-001.tar');
      const good = await readFile(file);
      const layer = images['docker.io/demisto/one:1'].layers.at(-1)?.bytes ?? Buffer.alloc(0);
      const bad = Buffer.from(good);
      const last = good.indexOf(layer) + layer.length - 1;
      bad.writeUInt8((good[last] ?? 0) ^ 1, last);
      await writeFile(file, bad);
      const endpoint = endpointOf(bench.kind, bench.engine.socket);
      const state = path.join(site.folder, 'state');
      const more = ['--single-pass', '--yes', '--state', state];

      const first = await importBundleInto(t, site, bundle, endpoint, { more, status: 4 });
      const fates = first.images.map(({ status, error }) => [status, error?.code]);
      t.deepEqual(fates, [
        ['loaded', undefined],
        ['failed', 'E_DIGEST_MISMATCH'],
        ['pending', undefined],
      ]);
      t.regex(first.stderr, /E_DIGEST_MISMATCH.*images-001\.tar/s);
      await assertHolds(t, bench, bundle.images.slice(0, 1));
      const receipt = JSON.parse(
        await readFile(path.join(state, 'receipts', 'receipt-000001.json'), 'utf8'),
      ) as {
        singlePass?: boolean;
        files: { file: string; result: string }[];
        outcome: { result: string; status: number };
      };
      t.true(receipt.singlePass);
      t.is(receipt.files.find((one) => one.file === 'images-001.tar')?.result, 'damaged');
      t.deepEqual([receipt.outcome.result, receipt.outcome.status], ['failed', 4]);

      const second = await importBundleInto(t, site, bundle, endpoint, {
        more: [...more, '--keep-going'],
        status: 4,
      });
      t.deepEqual(
        second.images.map(({ status }) => status),
        ['present', 'failed', 'loaded'],
      );
      const [bottom, , two] = bundle.images;
      await assertHolds(
        t,
        bench,
        [bottom, two].flatMap((image) => image ?? []),
      );

      await writeFile(file, good);
      const third = await importBundleInto(t, site, bundle, endpoint, { more });
      t.deepEqual(
        third.images.map(({ status }) => status),
        ['present', 'loaded', 'present'],
      );
      await assertHolds(t, bench, bundle.images);
    });
  },
);
