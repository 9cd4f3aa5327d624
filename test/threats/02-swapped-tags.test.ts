import { readFile, rename, writeFile } from 'node:fs/promises';
import test from 'ava';
import { withThreatBundle, type ThreatBundle } from '../helpers/threat-bundle.ts';

const [one, two] = ['docker.io/demisto/one:1.0', 'docker.io/demisto/two:1.0'];

/** Exchanges the two names wherever they stand between two places of a file. */
async function swapNames(file: string, from = 0, to = Infinity): Promise<void> {
  const text = await readFile(file, 'latin1');
  const swapped = text
    .slice(from, to)
    .replace(/docker\.io\/demisto\/(one|two):1\.0/g, (name) => (name === one ? two : one));
  await writeFile(file, text.slice(0, from) + swapped + text.slice(to), 'latin1');
}

/** Where a document of an archive stands. */
async function placeOf({ at }: ThreatBundle, member: string): Promise<[from: number, to: number]> {
  const text = await readFile(at('images-001.tar'), 'latin1');
  const header = text.indexOf(`${member}\0`);
  const size = parseInt(text.slice(header + 124, header + 136), 8);
  return [header + 512, header + 512 + size];
}

async function swapArchives({ at }: ThreatBundle): Promise<void> {
  await rename(at('images-001.tar'), at('x'));
  await rename(at('images-002.tar'), at('images-001.tar'));
  await rename(at('x'), at('images-002.tar'));
}

test('threat 2: two archives that have changed names are refused, both by name', async (t) => {
  await withThreatBundle(async (bundle) => {
    await swapArchives(bundle);
    await bundle.refused(t, 'images-001.tar');
    await bundle.refused(t, 'images-002.tar');
    await bundle.refusedOnCommandLine(t, 'images-001.tar');
  });
});

for (const member of ['manifest.json', 'index.json']) {
  test(`threat 2: tags that were exchanged in ${member} are refused, and the member is named`, async (t) => {
    await withThreatBundle(async (bundle) => {
      const [from, to] = await placeOf(bundle, member);
      const before = await readFile(bundle.at('images-001.tar'));
      await swapNames(bundle.at('images-001.tar'), from, to);
      const after = await readFile(bundle.at('images-001.tar'));
      t.is(after.length, before.length);
      t.false(after.equals(before), 'the tags stand there');
      await bundle.refused(t, `document ${member} is damaged`);
      await bundle.refusedOnCommandLine(t, member);
    });
  });
}

test('threat 2: tags that were exchanged in bundle.json are refused', async (t) => {
  await withThreatBundle(async (bundle) => {
    await swapNames(bundle.at('bundle.json'));
    await bundle.refused(t, 'bundle.json');
    await bundle.refusedOnCommandLine(t, 'bundle.json');
  });
});

test('threat 2: tags that were exchanged everywhere, so that all files agree, are refused', async (t) => {
  await withThreatBundle(async (bundle) => {
    for (const name of ['bundle.json', 'images-001.tar']) await swapNames(bundle.at(name));
    await bundle.refused(t, 'bundle.json');
    await bundle.refused(t, 'images-001.tar');
  });
});
