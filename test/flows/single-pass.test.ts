import { rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import type { OpenBundleOptions } from '../../src/bundle/open.ts';
import { damageIn, PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { blobsOf } from '../../src/core/image.ts';
import type { FileResult } from '../../src/core/damage.ts';
import type { ReadVolume } from '../../src/bundle/read-document.ts';
import { importBundle, type DeliverableBundle, type Imported } from '../../src/flows/import.ts';
import { countingReads } from '../helpers/counting-reads.ts';
import { flipBit, withHarmedBundle } from '../helpers/damaged-bundle.ts';
import { stateOf } from '../helpers/folder-state.ts';
import { lastBlob, passing } from '../helpers/passing.ts';

interface Settings {
  readonly only?: readonly string[];
  readonly keepGoing?: boolean;
  readonly approved?: boolean;
}

async function importInto(
  layout: string,
  bundle: DeliverableBundle,
  { only = [], keepGoing = false, approved = true }: Settings = {},
): Promise<Imported> {
  const target = await openOciTarget(layout);
  try {
    return await importBundle({
      ...{ bundle, only, keepGoing, targets: [target], dryRun: false, jobs: 2, emit: silent },
      approve: () => Promise.resolve(approved),
      signal: new AbortController().signal,
    });
  } finally {
    await target.close();
  }
}

/** How each image fared; which of those that share a layer brings it depends on the order. */
function fates({ report }: Imported): unknown {
  const images = report.targets.flatMap((target) => target.images);
  const bytes = images.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  return [bytes, images.map(({ reference, status, id }) => [reference, status, id])];
}

/** The entries of an `index.json`, as `stateOf` has it, in an order of their own. */
function entriesOf(state = ''): string[] {
  const text = Buffer.from(state.replace(/^\S+ /, ''), 'base64').toString('utf8');
  const { manifests } = JSON.parse(text) as { manifests: unknown[] };
  return manifests.map((entry) => JSON.stringify(entry)).sort();
}

test('single pass: the result is that of a plain import, image by image and file by file', async (t) => {
  await withHarmedBundle(async (harmed) => {
    const [plainly, inOnePass] = [path.join(harmed.folder, 'plain'), path.join(harmed.folder, 'passed')];
    const plain = await harmed.open(harmed.dir);
    const expected = await importInto(plainly, plain);
    let files: readonly FileResult[] = [];
    const observe: OpenBundleOptions['observe'] = (fact) => {
      if (fact.kind === 'files') ({ files } = fact);
    };
    const imported = await passing(harmed, (bundle) => importInto(inOnePass, bundle), { observe });
    t.is(imported.damage, undefined);
    t.deepEqual(imported.errors, []);
    // The entries of the index stand in the order in which the images arrived.
    const [passed, plainState] = [await stateOf(inOnePass), await stateOf(plainly)];
    t.deepEqual(Object.keys(passed), Object.keys(plainState));
    const { 'index.json': index, ...others } = passed;
    const { 'index.json': plainIndex, ...plainOthers } = plainState;
    t.true(isDeepStrictEqual(others, plainOthers), 'the same blobs, byte for byte');
    t.deepEqual(entriesOf(index), entriesOf(plainIndex));
    t.deepEqual(fates(imported), fates(expected));
    t.deepEqual(files, plain.files);
  });
});

for (const settings of [{}, { only: ['docker.io/demisto/py3-tools:1.0.0.1'] }] satisfies Settings[]) {
  const which = settings.only === undefined ? 'all images' : 'one of them';
  test.serial(`single pass: the medium is read once, for ${which}`, async (t) => {
    await withHarmedBundle(async (harmed) => {
      await countingReads(harmed.at('README.txt'), async (counts) => {
        const { report } = await passing(harmed, (bundle) =>
          importInto(path.join(harmed.folder, 'target'), bundle, settings),
        );
        t.true(report.targets[0]?.images.every(({ status }) => status === 'loaded'));
        for (const { file, blobs } of harmed.archives) {
          const { ino, size } = await stat(harmed.at(file));
          const documents = 20_000;
          const read = counts.get(ino) ?? 0;
          t.true(read >= size, `${file}: ${read} of ${size} bytes`);
          t.true(read <= size + blobs.length * 1600 + documents, `${file}: ${read} of ${size} bytes`);
        }
      });
    });
  });
}

interface Harm {
  readonly title: string;
  /** Harms one archive, given the last one. */
  readonly harm: (volume: ReadVolume, file: string) => Promise<void>;
}

const beforeAnything: readonly Harm[] = [
  { title: 'a byte of a header', harm: (volume, file) => flipBit(file, lastBlob(volume).start - 512) },
  { title: 'a byte of index.json', harm: (_volume, file) => flipBit(file, 1536 + 20) },
  { title: 'a byte of the padding', harm: (volume, file) => flipBit(file, lastBlob(volume).end) },
  { title: 'a byte of the end', harm: async (_volume, file) => flipBit(file, (await stat(file)).size - 1) },
  { title: 'a byte that lacks', harm: async (_volume, file) => truncate(file, (await stat(file)).size - 1) },
  { title: 'an archive that lacks', harm: (_volume, file) => rm(file) },
];

for (const { title, harm } of beforeAnything) {
  test(`single pass: ${title} is found before a target is touched`, async (t) => {
    await withHarmedBundle(async (harmed) => {
      const { volumes } = await harmed.open(harmed.dir);
      const volume = volumes.at(-1);
      if (volume === undefined) throw new Error('no archive');
      await harm(volume, harmed.at(volume.file));
      const expected = await harmed.faultOf();
      const error = await t.throwsAsync(
        passing(harmed, () => Promise.resolve()),
        { instanceOf: PackferryError, code: expected.code },
      );
      t.is(error.message, expected.message);
      t.deepEqual(damageIn(error), damageIn(expected), 'all that is lost is told, as by verify');
    });
  });
}

for (const what of ['manifest', 'config', 'layer'] as const) {
  test(`single pass: a bad ${what} is found on the way: its images fail, those before are whole`, async (t) => {
    await withHarmedBundle(async (harmed) => {
      const { volumes } = await harmed.open(harmed.dir);
      const [volume] = volumes;
      const last = volume?.images.at(-1);
      if (volume === undefined || last === undefined) throw new Error('no image');
      const blob = what === 'layer' ? last.layers.at(-1) : last[what];
      const entry = volume.plan.entries.find(
        (one) => one.kind === 'blob' && one.blob.digest === blob?.digest,
      );
      if (entry === undefined) throw new Error('no blob');
      await flipBit(harmed.at(volume.file), entry.dataOffset + entry.size - 1);
      const expected = await harmed.damageOf();
      const layout = path.join(harmed.folder, 'target');
      for (const keepGoing of [false, true]) {
        const { report, errors, damage } = await passing(harmed, (bundle) =>
          importInto(layout, bundle, { keepGoing }),
        );
        const needs = (reference: string): boolean => {
          const image = volumes.flatMap(({ images }) => images).find((one) => one.reference === reference);
          return image !== undefined && blobsOf(image).some(({ digest }) => digest === blob?.digest);
        };
        const statuses = report.targets[0]?.images.map(({ reference, status }) => [reference, status]);
        const order = volumes.flatMap(({ images }) => images.map(({ reference }) => reference));
        const failing = order.findIndex(needs);
        t.deepEqual(
          statuses,
          order.map((reference, at) => {
            if (needs(reference)) return [reference, 'failed'];
            if (at > failing && !keepGoing) return [reference, 'pending'];
            return [reference, at < failing && keepGoing ? 'present' : 'loaded'];
          }),
        );
        t.deepEqual(
          errors.map(({ code }) => code),
          ['E_DIGEST_MISMATCH'],
        );
        t.is(damage?.code, 'E_DIGEST_MISMATCH');
        t.deepEqual(damage && damageIn(damage), expected);
      }
    });
  });
}

test('single pass: a bad blob that nobody asked for is found, too, after the images', async (t) => {
  await withHarmedBundle(async (harmed) => {
    const { volumes } = await harmed.open(harmed.dir);
    const volume = volumes.at(-1);
    if (volume === undefined) throw new Error('no archive');
    await flipBit(harmed.at(volume.file), lastBlob(volume).end - 1);
    const only = [volumes[0]?.images[0]?.reference ?? ''];
    const { report, errors, damage } = await passing(harmed, (bundle) =>
      importInto(path.join(harmed.folder, 'target'), bundle, { only }),
    );
    t.deepEqual(
      report.targets[0]?.images.map(({ status }) => status),
      ['loaded'],
    );
    t.deepEqual(errors, []);
    t.is(damage?.code, 'E_DIGEST_MISMATCH');
  });
});

test('single pass: where the user says no, no archive is read any further', async (t) => {
  await withHarmedBundle(async (harmed) => {
    const { volumes } = await harmed.open(harmed.dir);
    const [volume] = volumes;
    if (volume === undefined) throw new Error('no archive');
    await flipBit(harmed.at(volume.file), lastBlob(volume).end - 1);
    const { approved, damage } = await passing(harmed, (bundle) =>
      importInto(path.join(harmed.folder, 'target'), bundle, { approved: false }),
    );
    t.false(approved);
    t.is(damage, undefined);
  });
});
