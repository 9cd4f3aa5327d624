import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { openRegistryTarget } from '../../src/registry/push/target.ts';
import { receiptSchema, type Receipt } from '../../src/schema/receipt.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { runImport } from '../helpers/import-process.ts';
import { withImportSite, type Named } from '../helpers/import-site.ts';
import { lockComposed } from '../helpers/compose.ts';
import { containerKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { runnableImage } from '../helpers/system-images.ts';
import { assertHolds, endpointOf, importBundleInto, importRefused } from '../helpers/system-import.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';
import { inZstd } from '../helpers/zstd-image.ts';

function on(base: ComposedImage | undefined, name: string, size: number): ComposedImage {
  const files = [{ path: name, content: noise(name, size) }];
  return composeImage(base === undefined ? { files } : { base, files });
}

async function receiptsIn(state: string): Promise<Receipt[]> {
  const dir = path.join(state, 'receipts');
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json')).sort();
  const texts = await Promise.all(names.map((name) => readFile(path.join(dir, name), 'utf8')));
  return texts.map((text) => receiptSchema.parse(JSON.parse(text)));
}

const statuses = (images: readonly { readonly status: string }[]): string[] =>
  images.map(({ status }) => status);

engineTest(
  'import --single-pass with --deep, --retag, --jobs and --smoke, of layers in gzip and zstd: as without it',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const { kind, engine } = bench;
      const alive = await runnableImage('alive');
      const zstd = inZstd(await runnableImage('compressed', alive));
      const named: Named = {
        'docker.io/demisto/alive:1': alive,
        'docker.io/demisto/more:1': await runnableImage('more', alive),
        ...(kind.name === 'installed Docker' ? {} : { 'docker.io/demisto/zstd:1': zstd }),
      };
      const bundle = await site.make('bundle', named);
      const retag = ['--retag', 'demisto/more=soc.example/more'];
      const more = ['--single-pass', '--deep', '--jobs', '3', ...retag, '--smoke'];
      const first = await importBundleInto(t, site, bundle, endpointOf(kind, engine.socket), { more });
      t.deepEqual(
        statuses(first.images),
        Object.keys(named).map(() => 'loaded'),
        first.stderr,
      );
      t.true(first.images.every((image) => image.smoke === 'passed'));
      const held = bundle.images.map((image) => ({
        ...image,
        reference: image.reference.replace('docker.io/demisto/more', 'soc.example/more'),
      }));
      await assertHolds(t, bench, held);
      const second = await importBundleInto(t, site, bundle, endpointOf(kind, engine.socket), { more });
      t.is(second.sent, 0);
    });
  },
  containerKinds,
);

engineTest(
  'import --single-pass that is stopped by Ctrl-C, then killed: no image is there by half, and the next one goes on',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const { kind, engine } = bench;
      const base = on(undefined, 'os', 3_000_000);
      const bundle = await site.make('bundle', {
        'docker.io/demisto/base:1': base,
        'docker.io/demisto/top:1': on(base, 'app', 3_000_000),
      });
      const state = path.join(site.folder, 'state');
      const trust = ['--trusted-keys', site.trusted, '--state', state];
      const socket = path.join(engine.folder, 'cut.sock');
      const argv = ['import', bundle.dir, '--single-pass', ...trust, '--to', endpointOf(kind, socket)];
      const ends: unknown[] = [];
      for (const signal of ['SIGINT', 'SIGKILL'] as const) {
        let act = (): void => undefined;
        // In the middle of the first image's layer.
        const cut = { after: 1_500_000, then: () => Promise.resolve().then(() => act()) };
        await withCountingSocket(
          socket,
          engine.socket,
          async () => {
            const ended = await runImport(argv, { when: (kill) => (act = kill), signal });
            ends.push([ended.status, ended.signal]);
          },
          cut,
        );
      }
      t.deepEqual(ends, [
        [130, null],
        [null, 'SIGKILL'],
      ]);
      await assertHolds(t, bench, []);
      const more = ['--single-pass', '--state', state];
      // The processes before have left the time of this machine there.
      const options = { more, now: new Date() };
      const last = await importBundleInto(t, site, bundle, endpointOf(kind, engine.socket), options);
      t.deepEqual(statuses(last.images), ['loaded', 'loaded']);
      await assertHolds(t, bench, bundle.images);
      t.deepEqual(
        (await receiptsIn(state)).map(({ outcome, singlePass }) => [outcome.result, singlePass]),
        [
          ['interrupted', true],
          ['done', true],
        ],
      );
    });
  },
);

test.serial(
  'import --single-pass into a registry: every image arrives as it was signed, and one with a bad layer does not',
  needing(['docker-registry'], async (t: ExecutionContext) => {
    const base = on(undefined, 'os', 700_000);
    const named: Named = {
      'docker.io/demisto/base:1': base,
      'docker.io/demisto/one:1': on(on(base, 'one', 400_000), 'two', 300_000),
      'docker.io/demisto/top:1': on(on(on(base, 'x', 500_000), 'y', 200_000), 'z', 100_000),
    };
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', named);
      const file = path.join(bundle.dir, 'images-001.tar');
      const good = await readFile(file);
      const layer = named['docker.io/demisto/one:1']?.layers.at(-1)?.bytes ?? Buffer.alloc(0);
      const bad = Buffer.from(good);
      const last = good.indexOf(layer) + layer.length - 1;
      bad.writeUInt8((good[last] ?? 0) ^ 1, last);
      await writeFile(file, bad);
      await withDockerRegistry(async ({ host }) => {
        const target = openRegistryTarget(`${host}/soc`, {
          registries: new Map([[host, { plainHttp: true }]]),
        });
        const endpoint = `registry://${host}/soc`;
        const held = async (): Promise<string[]> => {
          const images = Object.entries(named).map(([name, image]) => lockComposed(name, image));
          return (await target.survey(images)).map(({ state }) => state);
        };
        const more = ['--single-pass', '--keep-going', '--jobs', '4'];
        const first = await importBundleInto(t, site, bundle, endpoint, { more, status: 4 });
        t.deepEqual(statuses(first.images), ['loaded', 'failed', 'loaded']);
        t.regex(first.stderr, /E_DIGEST_MISMATCH/);
        t.deepEqual(await held(), ['present', 'absent', 'present']);

        await writeFile(file, good);
        const second = await importBundleInto(t, site, bundle, endpoint, { more });
        t.deepEqual(statuses(second.images), ['present', 'loaded', 'present']);
        t.deepEqual(await held(), ['present', 'present', 'present']);
        await target.close();
      });
    });
  }),
);

test('import --single-pass into more targets than go at once is refused before the bundle is read, with what to do instead', async (t) => {
  await withImportSite(async (site) => {
    const bundle = { dir: path.join(site.folder, 'nowhere'), images: [], bytes: 0 };
    const second = `oci:${path.join(site.folder, 'second')}`;
    const more = ['--single-pass', '--targets-at-once', '1', '--to', second];
    const { status, stderr } = await importRefused(site, bundle, `oci:${path.join(site.folder, 'first')}`, {
      more,
    });
    t.is(status, 2);
    t.regex(
      stderr,
      /^error\[E_USAGE\]: --single-pass .* 2 are named, --targets-at-once is 1\nhint: .*--targets-at-once 2/,
    );
  });
});
