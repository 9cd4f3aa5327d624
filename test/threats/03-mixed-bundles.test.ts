import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { withThreatBundle, type ThreatBundle } from '../helpers/threat-bundle.ts';

/** Brings files of another genuine bundle of the same stream into the bundle, perhaps under other names. */
async function mix(bundle: ThreatBundle, names: readonly (readonly [from: string, to: string])[]) {
  const other = path.join(bundle.folder, 'other');
  await bundle.writeLater(other);
  for (const [from, to] of names) await cp(path.join(other, from), bundle.at(to));
}

const one = ['images-001.tar', 'packs/Sample.zip', 'bundle.json', 'SHA256SUMS.sig'];
for (const name of one) {
  test(`threat 3: ${name} of another genuine bundle is refused`, async (t) => {
    await withThreatBundle(async (bundle) => {
      const before = await readFile(bundle.at(name));
      await mix(bundle, [[name, name]]);
      t.false(before.equals(await readFile(bundle.at(name))), 'the two bundles differ in it');
      await bundle.refused(t, name);
      await bundle.refusedOnCommandLine(t, name);
    });
  });
}

test('threat 3: a list of another genuine bundle is refused by the signature', async (t) => {
  await withThreatBundle(async (bundle) => {
    await mix(bundle, [['SHA256SUMS', 'SHA256SUMS']]);
    await bundle.refused(t, 'SHA256SUMS.sig');
    await bundle.refusedOnCommandLine(t, 'SHA256SUMS.sig');
  });
});

test('threat 3: a second signature that is good, of another genuine bundle, is refused', async (t) => {
  await withThreatBundle(async (bundle) => {
    await mix(bundle, [['SHA256SUMS.sig', 'SHA256SUMS.2.sig']]);
    await bundle.refused(t, 'SHA256SUMS.2.sig');
    await bundle.refusedOnCommandLine(t, 'SHA256SUMS.2.sig');
  });
});

test('threat 3: list and signature of another genuine bundle tell of every file that is not of it', async (t) => {
  await withThreatBundle(async (bundle) => {
    await mix(bundle, [
      ['SHA256SUMS', 'SHA256SUMS'],
      ['SHA256SUMS.sig', 'SHA256SUMS.sig'],
    ]);
    for (const name of ['bundle.json', 'images-001.tar', 'packs/Sample.zip']) await bundle.refused(t, name);
    await bundle.refusedOnCommandLine(t, 'bundle.json');
  });
});

test('threat 3: all but an archive of another genuine bundle is refused by that archive', async (t) => {
  await withThreatBundle(async (bundle) => {
    const names = bundle.files.filter((name) => name !== 'images-001.tar');
    await mix(
      bundle,
      names.map((name) => [name, name]),
    );
    await bundle.refused(t, 'images-001.tar');
    await bundle.refusedOnCommandLine(t, 'images-001.tar');
  });
});
