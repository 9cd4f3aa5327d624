import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline, Transform } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { importBundle, type Imported } from '../../src/flows/import.ts';
import { countingReads } from '../helpers/counting-reads.ts';
import { flipBit, withHarmedBundle, type HarmedBundle } from '../helpers/damaged-bundle.ts';
import { lastBlob, passing } from '../helpers/passing.ts';

interface Run {
  readonly only?: readonly string[];
  readonly keepGoing?: boolean;
}

/** Imports into all of these in one pass. */
function importInto(
  harmed: HarmedBundle,
  targets: readonly ImageTarget[],
  { only = [], keepGoing = false }: Run = {},
): Promise<Imported> {
  return passing(harmed, (bundle) =>
    importBundle({
      ...{ bundle, targets, only, keepGoing, dryRun: false, jobs: 4, emit: silent },
      // Less than there are targets: in one pass all of them go together.
      targetsAtOnce: 1,
      approve: () => Promise.resolve(true),
      signal: new AbortController().signal,
    }),
  );
}

/** A target that does something of its own before each image, and before it takes the bytes of a layer. */
function altered(
  target: ImageTarget,
  before: (reference: string) => Promise<void>,
  takeLayer: () => void = () => undefined,
): ImageTarget {
  return {
    ...target,
    deliver: async (image, source, options) => {
      await before(image.reference);
      const openBlob: typeof source.openBlob = async (of, blob, more) => {
        const bytes = await source.openBlob(of, blob, more);
        const isLayer = image.layers.some(({ digest }) => digest === blob.digest);
        const look = new Transform({
          transform: (chunk, _encoding, done) => {
            try {
              if (isLayer) takeLayer();
              done(null, chunk);
            } catch (fault) {
              done(fault as Error);
            }
          },
        });
        return pipeline(bytes, look, () => undefined);
      };
      return target.deliver(image, { ...source, openBlob }, options);
    },
  };
}

const soon = async (): Promise<void> => {
  for (let at = 0; at < 100; at += 1) await turn();
};

const fates = ({ report }: Imported): unknown =>
  report.targets.map(({ images }) => images.map(({ status }) => status));

/** How often each archive was read, while `use` runs: 1 is once. All else that is read of it is small. */
async function timesRead(harmed: HarmedBundle, use: () => Promise<void>): Promise<number[]> {
  return countingReads(harmed.at('README.txt'), async (counts) => {
    await use();
    const files = await Promise.all(harmed.archives.map(({ file }) => stat(harmed.at(file))));
    return files.map(({ ino, size }) => (counts.get(ino) ?? 0) / size);
  });
}

async function folders(harmed: HarmedBundle, ...names: readonly string[]): Promise<ImageTarget[]> {
  return Promise.all(names.map((name) => openOciTarget(path.join(harmed.folder, name))));
}

test.serial(
  'single pass, many targets: each gets what it lacks, at its own pace, and the medium is read once',
  async (t) => {
    await withHarmedBundle(async (harmed) => {
      const [all, half, late, has] = (await folders(harmed, 'all', 'half', 'late', 'has')) as [
        ImageTarget,
        ImageTarget,
        ImageTarget,
        ImageTarget,
      ];
      const { volumes } = await harmed.open(harmed.dir);
      const references = volumes.flatMap(({ images }) => images.map(({ reference }) => reference));
      await importInto(harmed, [half], { only: references.slice(1, 2) });
      await importInto(harmed, [has]);
      const times = await timesRead(harmed, async () => {
        const imported = await importInto(harmed, [all, half, altered(late, soon), has]);
        t.deepEqual(fates(imported), [
          references.map(() => 'loaded'),
          references.map((_reference, at) => (at === 1 ? 'present' : 'loaded')),
          references.map(() => 'loaded'),
          references.map(() => 'present'),
        ]);
        t.is(imported.damage, undefined);
        const sent = imported.report.targets.map(({ images }) =>
          images.reduce((sum, one) => sum + one.bytesSent, 0),
        );
        t.true((sent[1] ?? 0) < (sent[0] ?? 0), 'what it had was not sent');
      });
      for (const each of times) t.true(each >= 1 && each < 1.2, String(times));
    });
  },
);

test.serial(
  'single pass, many targets: one that stops in the middle of a layer leaves the others all, read once',
  async (t) => {
    await withHarmedBundle(async (harmed) => {
      const [good, other, bad] = (await folders(harmed, 'good', 'other', 'bad')) as [
        ImageTarget,
        ImageTarget,
        ImageTarget,
      ];
      const broken = altered(bad, soon, () => {
        throw new PackferryError('E_LOAD_FAILED', 'the engine was killed');
      });
      const times = await timesRead(harmed, async () => {
        const imported = await importInto(harmed, [broken, good, other]);
        const images = imported.report.targets[1]?.images ?? [];
        t.deepEqual(fates(imported), [
          images.map((_image, at) => (at === 0 ? 'failed' : 'pending')),
          images.map(() => 'loaded'),
          images.map(() => 'loaded'),
        ]);
        t.deepEqual(
          imported.errors.map(({ code }) => code),
          ['E_LOAD_FAILED'],
        );
        t.true(imported.errors[0]?.message.includes(bad.name));
        t.is(imported.damage, undefined);
      });
      for (const each of times) t.true(each >= 1 && each < 1.2, String(times));
    });
  },
);

test('single pass, many targets: what one needs a second time is read again, for it alone', async (t) => {
  await withHarmedBundle(async (harmed) => {
    const [good, weak] = (await folders(harmed, 'good', 'weak')) as [ImageTarget, ImageTarget];
    const { volumes } = await harmed.open(harmed.dir);
    const references = volumes.flatMap(({ images }) => images.map(({ reference }) => reference));
    let current = '';
    const failsAtFirst = altered(
      weak,
      (reference) => Promise.resolve(void (current = reference)),
      () => {
        if (current === references[0]) throw new PackferryError('E_LOAD_FAILED', 'no');
      },
    );
    const imported = await importInto(harmed, [failsAtFirst, good], { keepGoing: true });
    t.deepEqual(fates(imported), [
      references.map((_reference, at) => (at === 0 ? 'failed' : 'loaded')),
      references.map(() => 'loaded'),
    ]);
    const again = await importInto(harmed, [weak, good]);
    t.deepEqual(fates(again), [
      references.map((_reference, at) => (at === 0 ? 'loaded' : 'present')),
      references.map(() => 'present'),
    ]);
  });
});

test('single pass, many targets: a layer that is bad at its last byte is at none of them, and each is told', async (t) => {
  await withHarmedBundle(async (harmed) => {
    const { volumes } = await harmed.open(harmed.dir);
    const volume = volumes.at(-1);
    if (volume === undefined) throw new Error('no archive');
    await flipBit(harmed.at(volume.file), lastBlob(volume).end - 1);
    const targets = await folders(harmed, 'one', 'two', 'three');
    const imported = await importInto(harmed, targets);
    const count = imported.report.targets[0]?.images.length ?? 0;
    const expected = Array.from({ length: count }, (_, at) => (at === count - 1 ? 'failed' : 'loaded'));
    t.deepEqual(fates(imported), [expected, expected, expected]);
    t.deepEqual(
      imported.errors.map(({ code }) => code),
      targets.map(() => 'E_DIGEST_MISMATCH'),
    );
    t.is(imported.damage?.code, 'E_DIGEST_MISMATCH');
    const last = volume.images.at(-1)?.reference;
    for (const target of targets) {
      const image = harmed.images.find(({ reference }) => reference === last);
      t.is(image && (await target.survey([image]))[0]?.state, 'absent');
    }
  });
});
