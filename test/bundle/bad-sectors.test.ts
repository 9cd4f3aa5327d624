import { cp } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BundleDamage } from '../../src/core/damage.ts';
import { statusOfErrors } from '../../src/core/errors.ts';
import { withBadDisk, type BadSector } from '../helpers/bad-disk.ts';
import { withHarmedBundle, type HarmedBundle } from '../helpers/damaged-bundle.ts';

const [one, two] = ['images-001.tar', 'images-002.tar'];

/** The blobs of an archive by their number in it. */
function blobsAt({ archives }: HarmedBundle, archive: number, ...numbers: number[]) {
  return numbers.map((number) => {
    const blob = archives[archive]?.blobs[number];
    if (blob === undefined) throw new Error('no such blob');
    return blob;
  });
}

function lostOf({ blobs }: BundleDamage): string[] {
  return blobs.map(({ archive, offset, why }) => `${archive} ${offset} ${why}`);
}

const sectors = test.macro({
  async exec(
    t: ExecutionContext,
    badOf: (bundle: HarmedBundle) => BadSector[],
    lost: (bundle: HarmedBundle) => [archive: number, ...blobs: number[]][],
    files: readonly string[],
  ) {
    await withHarmedBundle(async (bundle) => {
      await withBadDisk(t, bundle.dir, badOf(bundle), async (disk) => {
        const fault = await bundle.faultOf({}, disk);
        t.is(fault.code, 'E_BUNDLE_INCOMPLETE');
        t.is(statusOfErrors([fault]), 4);
        const damage = await bundle.damageOf(disk);
        t.deepEqual(
          lostOf(damage),
          lost(bundle).flatMap(([archive, ...numbers]) =>
            blobsAt(bundle, archive, ...numbers).map(
              ({ offset }) => `${archive === 0 ? one : two} ${offset} unreadable`,
            ),
          ),
        );
        t.deepEqual(
          damage.files.map(({ file, why }) => `${file} ${why}`),
          files.map((file) => `${file} unreadable`),
        );
        t.true(damage.blobs.every(({ images }) => images.every(({ items }) => items.length === 2)));
      });
    });
  },
  title: (what) => `the kernel refuses to read ${what}`,
});

/** The middle of a blob. */
function middle(bundle: HarmedBundle, archive: number, blob: number): BadSector {
  const [{ offset, size } = { offset: 0, size: 0 }] = blobsAt(bundle, archive, blob);
  const at = offset + Math.floor(size / 2);
  return [archive === 0 ? one : two, at, at + 1];
}

test(
  'one sector under a layer: that layer is lost, and nothing else',
  sectors,
  (bundle) => [middle(bundle, 0, 3)],
  () => [[0, 3]],
  [one],
);
test(
  'sectors under layers of two archives: reading goes on behind each of them',
  sectors,
  (bundle) => [middle(bundle, 0, 2), middle(bundle, 0, 8), middle(bundle, 1, 7)],
  () => [
    [0, 2, 8],
    [1, 7],
  ],
  [one, two],
);
test(
  'a sector with the end of one layer and the start of the next: both are lost',
  sectors,
  (bundle) => {
    const [{ offset, size } = { offset: 0, size: 0 }] = blobsAt(bundle, 0, 2);
    return [[one, offset + size - 1, offset + size + 1024]];
  },
  () => [[0, 2, 3]],
  [one],
);
test(
  'a whole archive: every blob of it is named',
  sectors,
  () => [[two, 0, 2 ** 40]],
  () => [[1, 0, 1, 2, 3, 4, 5, 6, 7]],
  [two],
);
test(
  'a pack',
  sectors,
  () => [['packs/Sample.zip', 0, 1]],
  () => [],
  ['packs/Sample.zip'],
);
test(
  'the last sector of an archive, which has no blob in it',
  sectors,
  ({ archives }) => [[one, (archives[0]?.size ?? 0) - 1, archives[0]?.size ?? 0]],
  () => [],
  [one],
);

test('of an archive with a bad sector no sum is told, of the others the right ones', async (t) => {
  await withHarmedBundle(async (bundle) => {
    await withBadDisk(t, bundle.dir, [middle(bundle, 0, 3)], async (disk) => {
      const { details, message, hint } = await bundle.faultOf({}, disk);
      const results = new Map(details.files?.map((file) => [file.file, file]));
      t.is(results.get(one)?.sha256, undefined);
      t.is(results.get(one)?.result, 'unreadable');
      t.like(results.get(two), { result: 'good', sha256: bundle.archives[1]?.sha256 });
      t.deepEqual(
        details.files?.filter(({ result }) => result !== 'good').map(({ file }) => file),
        [one],
      );
      t.true(message.includes('EIO'), message);
      t.truthy(hint);
    });
  });
});

test('a blob that another archive holds intact is told to be there', async (t) => {
  await withHarmedBundle(async (bundle) => {
    const digest = blobsAt(bundle, 0, 3)[0]?.digest;
    t.is(digest, blobsAt(bundle, 1, 3)[0]?.digest, 'both archives hold the Python layer');
    await withBadDisk(t, bundle.dir, [middle(bundle, 0, 3)], async (disk) => {
      const { blobs } = await bundle.damageOf(disk);
      t.deepEqual(
        blobs.map((blob) => [blob.digest, blob.intactIn]),
        [[digest, [two]]],
      );
    });
  });
});

test('a list or a signature that the medium does not give ends it: nothing else can be believed', async (t) => {
  for (const name of ['SHA256SUMS', 'SHA256SUMS.sig']) {
    await withHarmedBundle(async (bundle) => {
      await withBadDisk(t, bundle.dir, [[name, 0, 1]], async (disk) => {
        const fault = await bundle.faultOf({}, disk);
        t.is(fault.code, 'E_BUNDLE_INCOMPLETE');
        t.true(fault.message.startsWith(`${name} cannot be read`), fault.message);
        t.deepEqual(fault.details, {});
      });
    });
  }
});

test('where bundle.json cannot be read, archives are checked by their sums alone', async (t) => {
  await withHarmedBundle(async (bundle) => {
    await cp(bundle.at(one), bundle.at(two));
    await withBadDisk(t, bundle.dir, [['bundle.json', 0, 1]], async (disk) => {
      const { files, blobs, blobsKnown, bundle: about } = await bundle.damageOf(disk);
      t.deepEqual(
        files.map(({ file, why }) => `${file} ${why}`),
        ['bundle.json unreadable', `${two} damaged`],
      );
      t.deepEqual(blobs, []);
      t.false(blobsKnown);
      t.deepEqual(Object.keys(about), ['sumsSha256']);
    });
  });
});

test('the folder is mounted as it is, with what lies in its folders', async (t) => {
  await withHarmedBundle(async (bundle) => {
    await withBadDisk(t, bundle.dir, [], async (disk) => {
      const verified = await bundle.open(disk);
      t.is(verified.dir, disk);
      t.true(verified.files.some(({ file }) => file === path.join('packs', 'Sample.zip')));
    });
  });
});
