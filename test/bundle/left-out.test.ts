import path from 'node:path';
import test from 'ava';
import { packVolumes } from '../../src/archive/volumes.ts';
import { documentIdentity, type BundleContent } from '../../src/bundle/document.ts';
import { BundleSource } from '../../src/bundle/source.ts';
import { memberSize } from '../../src/archive/tar-frame.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { totalSize, type LockedImage } from '../../src/core/image.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';

/** The content of a fixture without the two layers that three of its images stand on. */
function delta(images: readonly LockedImage[], limit: number): BundleContent {
  const [python] = images;
  const layers = python?.layers.slice(0, 2) ?? [];
  const requires = layers.map(({ mediaType, digest, size }) => ({
    ...{ mediaType, digest, size },
    base: 'bundle test 1',
    image: python?.reference ?? '',
  }));
  const without = new Set(layers.map(({ digest }) => digest));
  const volumes = packVolumes(images, limit, without);
  return {
    name: 'test',
    platform: defaultPlatform,
    volumes: volumes.map((volume) => volume.map((image) => ({ image, usedBy: [] }))),
    findings: [],
    packs: [],
    leftOut: { requires, base: ['bundle test 1'] },
  };
}

test('layers that are left out are listed, take no room, and are not fetched', async (t) => {
  await withBundleFixture(async ({ folder, images, write, open }) => {
    const full = await write(path.join(folder, 'full'));
    const small = await write(path.join(folder, 'small'), { content: delta(images, 2 ** 32) });
    const { requires, base } = small.document;
    t.is(requires.length, 2);
    t.deepEqual(
      requires.map(({ digest }) => digest),
      [...requires.map(({ digest }) => digest)].sort(),
    );
    t.deepEqual(base, ['bundle test 1']);
    t.is(full.bytesFetched - small.bytesFetched, totalSize(requires));
    const members = requires.map(({ size }) => memberSize(size)).reduce((sum, size) => sum + size, 0);
    const sizes = [full, small].map(({ document }) => totalSize(document.archives));
    t.is((sizes[0] ?? 0) - (sizes[1] ?? 0), members);
    const verified = await open(path.join(folder, 'small'));
    t.deepEqual(verified.document.requires, requires);
    t.deepEqual(
      verified.document.images.map(({ layers }) => layers),
      full.document.images.map(({ layers }) => layers),
    );
    t.not(documentIdentity(small.document), documentIdentity(full.document));
    const again = await write(path.join(folder, 'again'), { content: delta(images, 2 ** 32) });
    t.is(documentIdentity(again.document), documentIdentity(small.document));
    t.is(again.sumsSha256, small.sumsSha256);
  });
});

test('a volume limit counts what is carried only', async (t) => {
  await withBundleFixture(async ({ folder, images, write, open }) => {
    const [python] = images;
    const carried = totalSize(python?.layers.slice(2) ?? []);
    // No image fits into this with all its layers.
    const limit = carried + 300 * 1024;
    t.throws(() => packVolumes(images, limit), { code: 'E_IMAGE_TOO_LARGE' });
    const content = delta(
      images.filter(({ reference }) => !reference.includes('powershell')),
      limit,
    );
    const { document } = await write(path.join(folder, 'small'), { content });
    t.true(document.archives.every(({ size }) => size <= limit));
    t.deepEqual((await open(path.join(folder, 'small'))).document, document);
  });
});

test('what is left out cannot be read from the bundle, and the error says who has it', async (t) => {
  await withBundleFixture(async ({ folder, images, write, open }) => {
    const dir = path.join(folder, 'small');
    await write(dir, { content: delta(images, 2 ** 32) });
    const source = new BundleSource(await open(dir));
    const [python] = images;
    const [left] = python?.layers ?? [];
    if (python === undefined || left === undefined) return t.fail();
    const error = await t.throwsAsync(source.openBlob(python, left), { code: 'E_BASE_MISSING' });
    t.regex(error.message, /it leaves it out, since bundle test 1 has it/);
  });
});
