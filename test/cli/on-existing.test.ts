import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { openOciLayout } from '../../src/archive/oci-layout.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { ImportedImage } from '../../src/schema/reports.ts';
import { stateOf } from '../helpers/folder-state.ts';
import { withImportSite, type MadeBundle } from '../helpers/import-site.ts';
import { importBundleInto, importRefused } from '../helpers/system-import.ts';

const [moved, beside] = ['docker.io/demisto/moved:1', 'docker.io/demisto/beside:1'];
const imageOf = (name: string) => composeImage({ files: [{ path: name, content: noise(name, 3000) }] });

interface Bench {
  readonly dir: string;
  readonly old: MadeBundle;
  readonly next: MadeBundle;
  /** Imports the next bundle into the folder, which holds the old one. */
  readonly importing: (...more: readonly string[]) => Promise<readonly ImportedImage[]>;
  /** The import is refused, and nothing is changed. */
  readonly refused: (...more: readonly string[]) => Promise<string>;
  /** The manifest for which a name stands in the folder. */
  readonly digestOf: (reference: string) => Promise<string>;
}

/** A folder in which a name stands for another image than in the bundle that comes next. */
function folderTest(title: string, use: (t: ExecutionContext, bench: Bench) => Promise<void>): void {
  test(`oci: ${title}`, async (t) => {
    await withImportSite(async (site) => {
      const old = await site.make('old', { [moved]: imageOf('old') });
      const next = await site.make('next', { [moved]: imageOf('next'), [beside]: imageOf('beside') });
      const dir = path.join(site.folder, 'target');
      const endpoint = `oci:${dir}`;
      await importBundleInto(t, site, old, endpoint);
      await use(t, {
        ...{ dir, old, next },
        importing: async (...more) => (await importBundleInto(t, site, next, endpoint, { more })).images,
        refused: async (...more) => {
          const before = await stateOf(dir);
          const { status, stderr } = await importRefused(site, next, endpoint, { more });
          t.is(status, 6, stderr);
          t.deepEqual(await stateOf(dir), before);
          return stderr;
        },
        digestOf: async (reference) => {
          const layout = await openOciLayout(dir);
          return (await layout.resolve(parseReference(reference), defaultPlatform)).manifest.digest;
        },
      });
    });
  });
}

const manifestIn = ({ images }: MadeBundle, reference: string): string =>
  images.find((image) => image.reference === reference)?.manifest.digest ?? '';
const statuses = (images: readonly ImportedImage[]): string[][] =>
  images.map(({ reference, status }) => [reference, status]);

folderTest('by default a name of another image is an error before anything is sent', async (t, bench) => {
  t.regex(await bench.refused(), /error\[E_TAG_CONFLICT\]: .*moved:1[^]*hint: .*--on-existing overwrite/);
});

folderTest(
  '--on-existing keep leaves that image, and brings the others',
  async (t, { importing, ...bench }) => {
    t.deepEqual(statuses(await importing('--on-existing', 'keep')), [
      [beside, 'loaded'],
      [moved, 'kept'],
    ]);
    t.is(await bench.digestOf(moved), manifestIn(bench.old, moved));
    t.is(await bench.digestOf(beside), manifestIn(bench.next, beside));
  },
);

folderTest('--on-existing overwrite moves the name', async (t, { importing, ...bench }) => {
  const images = await importing('--on-existing', 'overwrite');
  t.like(
    images.find(({ reference }) => reference === moved),
    { status: 'loaded', replaced: { id: manifestIn(bench.old, moved) } },
  );
  for (const name of [moved, beside]) t.is(await bench.digestOf(name), manifestIn(bench.next, name));
  t.deepEqual(statuses(await importing()), [
    [beside, 'present'],
    [moved, 'present'],
  ]);
});

folderTest('--on-existing retag is not possible there, and changes nothing', async (t, bench) => {
  t.regex(await bench.refused('--on-existing', 'retag'), /error\[E_TAG_CONFLICT\]: .*moved:1/);
});
