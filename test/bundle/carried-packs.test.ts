import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { extractPacks } from '../../src/bundle/carried-packs.ts';
import type { BundleContent } from '../../src/bundle/document.ts';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { withBundleFixture, type BundleFixture } from '../helpers/bundle-fixture.ts';

const code = (expected: ErrorCode) => ({ instanceOf: PackferryError, code: expected });

/** Content with two packs, one of whose ids is no file name. */
async function withPacks({ folder, content }: BundleFixture): Promise<BundleContent> {
  const packs = [];
  for (const [id, version] of [
    ['HelloWorld', '1.2.3'],
    ['Über Pack/x', '1.0.0'],
  ] as const) {
    const zip = path.join(folder, `${version}.zip`);
    await writeFile(zip, `the bytes of ${id}`);
    packs.push({ id, version, zip });
  }
  return { ...content(), packs };
}

test('packs are carried, covered by the list, and written out as they were', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir, { content: await withPacks(fixture) });
    const bundle = await fixture.open(dir);
    t.deepEqual(
      bundle.document.packs.map(({ id, version, file }) => ({ id, version, file })),
      [
        { id: 'HelloWorld', version: '1.2.3', file: 'packs/HelloWorld.zip' },
        { id: 'Über Pack/x', version: '1.0.0', file: 'packs/_ber_Pack_x.zip' },
      ],
    );
    const out = path.join(fixture.folder, 'out');
    await extractPacks(bundle, out);
    t.deepEqual((await readdir(out)).sort(), ['HelloWorld.zip', '_ber_Pack_x.zip']);
    t.is(await readFile(path.join(out, 'HelloWorld.zip'), 'utf8'), 'the bytes of HelloWorld');
    await extractPacks(bundle, out);
  });
});

test('a pack that changes after the verification is not written out', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir, { content: await withPacks(fixture) });
    const bundle = await fixture.open(dir);
    await writeFile(path.join(dir, 'packs', 'HelloWorld.zip'), 'the bytes of HelloEvil');
    const out = path.join(fixture.folder, 'out');
    await t.throwsAsync(extractPacks(bundle, out), code('E_DIGEST_MISMATCH'));
    t.deepEqual(await readdir(out), []);
    await t.throwsAsync(fixture.open(dir), code('E_DIGEST_MISMATCH'));
  });
});

test('where packs cannot be written, none stays open', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir, { content: await withPacks(fixture) });
    // Nobody may make a file there, not even root.
    await t.throwsAsync(extractPacks(await fixture.open(dir), '/proc/self'), code('E_TARGET_UNWRITABLE'));
    const open = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    t.deepEqual(
      open.filter((file) => file.startsWith(dir)),
      [],
    );
  });
});

test('a pack that nobody signed is refused', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir, { content: await withPacks(fixture) });
    await writeFile(path.join(dir, 'packs', 'Extra.zip'), 'x');
    await t.throwsAsync(fixture.open(dir), code('E_BUNDLE_EXTRA_FILE'));
  });
});

test('two packs under one name, and a zip that is not there', async (t) => {
  await withBundleFixture(async (fixture) => {
    const content = await withPacks(fixture);
    const [first] = content.packs;
    if (first === undefined) throw new Error('no pack');
    const twice = { ...content, packs: [first, first] };
    await t.throwsAsync(
      fixture.write(path.join(fixture.folder, 'a'), { content: twice }),
      code('E_PACK_INVALID'),
    );
    const gone = { ...content, packs: [{ ...first, zip: path.join(fixture.folder, 'gone.zip') }] };
    await t.throwsAsync(
      fixture.write(path.join(fixture.folder, 'b'), { content: gone }),
      code('E_PACK_INVALID'),
    );
  });
});
