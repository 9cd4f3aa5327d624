import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { totalSize } from '../../src/core/image.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { ImportedImage } from '../../src/schema/reports.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { engineTest, savedLayers } from '../helpers/system-engines.ts';
import { assertHolds, endpointOf, importBundleInto, importRefused } from '../helpers/system-import.ts';

const megabyte = 1_000_000;
const named = (name: string): string => `docker.io/demisto/${name}`;

function on(base: ComposedImage | undefined, name: string, size: number): ComposedImage {
  const files = [{ path: name, content: noise(name, size) }];
  return composeImage(base === undefined ? { files } : { base, files });
}

const base = on(on(undefined, 'os', megabyte), 'python', megabyte);

/** What all requests of an import may take beside the layers, in bytes: questions, tar headers, documents. */
const questions = 25_000;

function assertAtMost(t: ExecutionContext, bytes: number, most: number, why = ''): void {
  t.true(bytes <= most, `${why}: ${bytes} bytes, of at most ${most}`);
}

engineTest('import: what is there is not sent, and what is missing is sent once', async (t, bench) => {
  await withImportSite(async (site) => {
    const proxy = path.join(bench.engine.folder, 'counted.sock');
    await withCountingSocket(proxy, bench.engine.socket, async ({ sent }) => {
      const endpoint = endpointOf(bench.kind, proxy);
      const statuses = ({ images }: { images: readonly { status: string }[] }): string[] =>
        images.map(({ status }) => status);

      const first = await site.make('first', {
        [named('python3:1')]: base,
        [named('one:1')]: on(base, 'one', 300_000),
        [named('two:1')]: on(base, 'two', 200_000),
      });
      const fresh = await importBundleInto(t, site, first, endpoint);
      t.deepEqual(statuses(fresh), ['loaded', 'loaded', 'loaded']);
      t.is(fresh.sent, first.bytes, 'each shared layer is sent once');
      assertAtMost(t, sent(), first.bytes + questions);
      await assertHolds(t, bench, first.images);

      const again = await importBundleInto(t, site, first, endpoint);
      t.deepEqual(statuses(again), ['present', 'present', 'present']);
      t.is(again.sent, 0);
      assertAtMost(t, sent(), questions, 'nothing but questions is sent');

      const update = await site.make('update', { [named('one:2')]: on(base, 'one-2', 2 * megabyte) });
      const missing = update.images[0]?.layers.at(-1)?.size ?? 0;
      await importBundleInto(t, site, update, endpoint);
      const bytes = sent();
      t.true(bytes >= missing && bytes <= missing * 1.01, `${bytes} bytes for a layer of ${missing}`);
      await assertHolds(t, bench, [...first.images, ...update.images]);

      const other = on(base, 'other', megabyte);
      const twice = await site.make('twice', { [named('other:1')]: other, [named('other:2')]: other });
      await importBundleInto(t, site, twice, endpoint);
      const once = totalSize(twice.images[0]?.layers.slice(-1) ?? []);
      assertAtMost(t, sent(), once + questions, 'the second name costs no layer');
      const later = await site.make('later', { [named('other:3')]: other });
      await importBundleInto(t, site, later, endpoint);
      assertAtMost(t, sent(), questions, 'a name for what is there costs no layer');
      const bundles = [first, update, twice, later];
      await assertHolds(
        t,
        bench,
        bundles.flatMap(({ images }) => images),
      );
    });
  });
});

engineTest('import: one of many, and images that have no tag', async (t, bench) => {
  await withImportSite(async (site) => {
    const endpoint = endpointOf(bench.kind, bench.engine.socket);
    const untagged = on(base, 'untagged', 3000);
    const pinned = named(`untagged@${untagged.manifest.descriptor.digest}`);
    const bundle = await site.make('bundle', {
      [named('wanted:1')]: on(base, 'wanted', 3000),
      [named('unwanted:1')]: on(base, 'unwanted', 3000),
      [pinned]: untagged,
    });
    const [wanted, , byDigest] = bundle.images;
    if (wanted === undefined || byDigest === undefined) throw new Error('no images');
    await importBundleInto(t, site, bundle, endpoint, { more: ['--image', 'demisto/wanted:1'] });
    await assertHolds(t, bench, [wanted]);

    const { images, stderr } = await importBundleInto(t, site, bundle, endpoint, {
      more: ['--image', pinned],
    });
    t.is(images[0]?.status, 'loaded');
    t.regex(stderr, /has no tag, hence no name/);
    await assertHolds(t, bench, [wanted, byDigest]);
    // An engine gives out what it has no name for only under a name.
    const name = named('found:1');
    await bench.target.setAside?.(byDigest[bench.kind.idOf].digest, parseReference(name));
    const diffIds = byDigest.layers.map(({ diffId }) => diffId);
    t.deepEqual(await savedLayers(bench, { ...byDigest, reference: name }), diffIds);
    const again = await importBundleInto(t, site, bundle, endpoint, { more: ['--image', pinned] });
    t.is(again.images[0]?.status, 'present');
  });
});

engineTest(
  'import: a name of another image is moved only when asked: kept, only moved, or kept under another name',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const endpoint = endpointOf(bench.kind, bench.engine.socket);
      const now = new Date('2026-11-25T12:00:00Z');
      const name = named('moved:1');
      const old = await site.make('old', { [name]: on(base, 'old', 3000) });
      const next = await site.make('next', {
        [name]: on(base, 'next', 3000),
        [named('beside:1')]: on(base, 'beside', 3000),
      });
      await importBundleInto(t, site, old, endpoint);
      const refused = await importRefused(site, next, endpoint);
      t.is(refused.status, 6, refused.stderr);
      t.regex(refused.stderr, /error\[E_TAG_CONFLICT\]: .*moved:1[^]*hint: With --on-existing retag/);
      await assertHolds(t, bench, old.images);

      const importing = async (what: string, bundle = next): Promise<readonly ImportedImage[]> =>
        (await importBundleInto(t, site, bundle, endpoint, { more: ['--on-existing', what], now })).images;
      const beside = next.images.filter(({ reference }) => reference !== name);
      const left = await importing('keep');
      t.deepEqual(left.map(({ reference, status }) => `${reference} ${status}`).sort(), [
        `${named('beside:1')} loaded`,
        `${name} kept`,
      ]);
      await assertHolds(t, bench, [...old.images, ...beside]);
      const [over] = (await importing('overwrite')).filter(({ reference }) => reference === name);
      t.like(over, { status: 'loaded', replaced: { id: old.images[0]?.[bench.kind.idOf].digest } });
      await assertHolds(t, bench, next.images);
      await importing('overwrite', old);
      await assertHolds(t, bench, [...old.images, ...beside]);

      const { images } = await importBundleInto(t, site, next, endpoint, {
        more: ['--on-existing', 'retag'],
        now,
      });
      const keptAs = `${name}-before-20261125T120000Z`;
      const [moved] = images.filter(({ reference }) => reference === name);
      t.like(moved, { status: 'loaded', replaced: { keptAs } });
      const kept = old.images.map((image) => ({ ...image, reference: keptAs }));
      await assertHolds(t, bench, [...kept, ...next.images]);
    });
  },
);
