import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { readUnbelieved } from '../../src/bundle/folder-source.ts';
import { openLendingBundle } from '../../src/bundle/lending-bundle.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { silent } from '../../src/core/events.ts';
import { totalSize, uniqueBlobs } from '../../src/core/image.ts';
import { importBundle, type Imported } from '../../src/flows/import.ts';
import { parseAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { fixtureTime } from '../helpers/bundle-fixture.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { flipBit } from '../helpers/damaged-bundle.ts';
import { withImportSite, type ImportSite, type MadeBundle } from '../helpers/import-site.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { runnableImage } from '../helpers/system-images.ts';
import { assertHolds, endpointOf, importBundleInto, importRefused } from '../helpers/system-import.ts';

const named = (name: string): string => `docker.io/demisto/${name}`;

function on(base: ComposedImage, name: string, size = 3000): ComposedImage {
  return composeImage({ base, files: [{ path: name, content: noise(name, size) }] });
}

/** What all requests of an import may take beside the layers, in bytes: questions, tar headers, documents. */
const questions = 25_000;

interface Family {
  readonly old: MadeBundle;
  /** Two images that stand on that of the old bundle, without what they share with it. */
  readonly delta: MadeBundle;
}

/** Bundles of images of their own, so that no other ones have brought their layers. They run. */
async function familyOf(site: ImportSite, seed: string): Promise<Family> {
  const base = on(await runnableImage(seed), `${seed}-python`, 500_000);
  const old = await site.make(`${seed}-old`, { [named(`${seed}-base:1`)]: base }, { sequence: 41 });
  const images = {
    [named(`${seed}-one:1`)]: on(base, `${seed}-one`),
    [named(`${seed}-two:1`)]: on(base, `${seed}-two`),
  };
  return { old, delta: await site.make(`${seed}-delta`, images, { base: old, sequence: 42 }) };
}

/** Podman 5 runs no container on machines with cgroups v1, as many machines of tests are. */
const smoking = ({ kind }: EngineBench): readonly string[] =>
  kind.name === 'newer Podman' ? [] : ['--smoke'];

engineTest('a delta bundle: only what it carries is sent, or it is refused, or lent', async (t, bench) => {
  await withImportSite(async (site) => {
    const proxy = path.join(bench.engine.folder, 'counted.sock');
    await withCountingSocket(proxy, bench.engine.socket, async ({ sent }) => {
      const endpoint = endpointOf(bench.kind, proxy);
      const a = await familyOf(site, 'a');
      const refused = await importRefused(site, a.delta, endpoint);
      t.is(refused.status, 6, refused.stderr);
      t.regex(refused.stderr, /error\[E_BASE_MISSING\]: nothing was sent: 2 images stand on 2 layers/);
      await assertHolds(t, bench, []);
      t.true(sent() < questions);

      const more = ['--with', a.old.dir, ...smoking(bench)];
      const lent = await importBundleInto(t, site, a.delta, endpoint, { more });
      t.is(lent.sent, totalSize(uniqueBlobs(a.delta.images)), 'each lent layer is sent once');
      await assertHolds(t, bench, a.delta.images);

      const b = await familyOf(site, 'b');
      await importBundleInto(t, site, b.old, endpoint);
      sent();
      const thin = await importBundleInto(t, site, b.delta, endpoint);
      t.is(thin.sent, b.delta.bytes);
      const bytes = sent();
      t.true(bytes < b.delta.bytes + questions, `${bytes} bytes for ${b.delta.bytes}`);
      for (const { images } of [lent, thin])
        t.true(images.every(({ status, smoke }) => status === 'loaded' && smoke !== 'failed'));
      await assertHolds(
        t,
        bench,
        [a.delta, b.old, b.delta].flatMap(({ images }) => images),
      );
      const again = await importBundleInto(t, site, b.delta, endpoint);
      t.true(again.images.every(({ status }) => status === 'present'));
    });
  });
});

engineTest('a damaged bundle is completed by one that repairs it', async (t, bench) => {
  await withImportSite(async (site) => {
    const endpoint = endpointOf(bench.kind, bench.engine.socket);
    const base = await runnableImage('repair');
    const images = { [named('one:1')]: on(base, 'one'), [named('two:1')]: on(base, 'two') };
    const damaged = await site.make('damaged', images, { sequence: 41 });
    const lost = damaged.images[1]?.layers.at(-1);
    const { archives } = await readUnbelieved(damaged.dir);
    const place = archives[0]?.blobs.find(({ digest }) => digest === lost?.digest);
    if (place === undefined) throw new Error('the layer is not there');
    await flipBit(path.join(damaged.dir, archives[0]?.file ?? ''), place.offset + 9);
    t.is((await importRefused(site, damaged, endpoint)).status, 4);

    // It carries what was lost, and leaves out what is whole.
    const whole = damaged.images.map((image) => ({
      ...image,
      layers: image.layers.filter(({ digest }) => digest !== lost?.digest),
    }));
    const repair = await site.make('repair', images, {
      base: { images: whole },
      baseName: 'damaged bundle test 41',
      sequence: 42,
    });
    t.true(repair.bytes < damaged.bytes);
    const alone = await importRefused(site, repair, endpoint);
    t.regex(alone.stderr, /hint: This bundle repairs another one.*damaged bundle test 41.*--with DIR/);
    await assertHolds(t, bench, []);
    const more = ['--with', damaged.dir];
    const { sent } = await importBundleInto(t, site, repair, endpoint, { more });
    t.is(sent, damaged.bytes);
    await assertHolds(t, bench, repair.images);
  });
});

// Docker's containerd store clears away some time after an image was removed: there nobody can tell when its layers go.
const forgetful = engineKinds.filter(({ idOf }) => idOf === 'config');

engineTest(
  'a base that goes after it was asked for: lent, or told with what the engine says',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const { old, delta } = await familyOf(site, 'gone');
      const [wanted] = delta.images;
      const only = [wanted?.reference ?? ''];
      const alone = await withoutBase(bench, site, old, { only, bundle: delta, lenders: [] });
      t.deepEqual(
        alone.errors.map(({ code }) => code),
        ['E_BASE_MISSING'],
      );
      const { message = '', hint = '' } = alone.errors[0] ?? {};
      t.regex(message, /gone-one:1.*which the target had said that it has.*bundle test 1 has it/);
      t.true(message.includes(bench.target.name), message);
      t.regex(hint, /--with DIR/);
      t.like(alone.report.targets[0]?.images, [{ status: 'failed' }]);
      await assertHolds(t, bench, []);

      const lent = await withoutBase(bench, site, old, { only, bundle: delta, lenders: [old] });
      t.deepEqual(lent.errors, []);
      t.like(lent.report.targets[0]?.images, [{ status: 'loaded', bytesSkipped: 0 }]);
      t.like(lent.report.lent, [{ layers: 2 }]);
      await assertHolds(t, bench, delta.images.slice(0, 1));
    });
  },
  forgetful,
);

interface Wanted {
  readonly only: readonly string[];
  readonly bundle: MadeBundle;
  readonly lenders: readonly MadeBundle[];
}

/** Imports while the engine has a base, which is removed once it has been asked for. */
async function withoutBase(
  { engine, target }: EngineBench,
  { trusted }: ImportSite,
  base: MadeBundle,
  { only, bundle, lenders }: Wanted,
): Promise<Imported> {
  const allowed = parseAllowedSigners(await readFile(trusted), 'allowed_signers');
  const judgement = { allowed, now: fixtureTime, emit: silent };
  const settings = { targets: [target], dryRun: false, keepGoing: false, jobs: 1, emit: silent };
  const { signal } = new AbortController();
  await importBundle({
    ...{ ...settings, only: [], signal, approve: () => Promise.resolve(true) },
    bundle: await openBundle(base.dir, judgement),
  });
  return importBundle({
    ...{ ...settings, only, signal },
    bundle: await openBundle(bundle.dir, judgement),
    with: await Promise.all(lenders.map(({ dir }) => openLendingBundle(dir, judgement))),
    approve: async () => {
      await engine.run(['image', 'rm', base.images[0]?.reference ?? '']);
      return true;
    },
  });
}
