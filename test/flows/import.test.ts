import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import type { VerifiedBundle } from '../../src/bundle/open.ts';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { silent, type Event } from '../../src/core/events.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { importBundle, type ImportOptions } from '../../src/flows/import.ts';
import { sampleReferences, withBundleFixture } from '../helpers/bundle-fixture.ts';

type Settings = Omit<ImportOptions, 'targets' | 'emit'>;

function settingsFor(bundle: VerifiedBundle): Settings {
  return {
    bundle,
    only: [],
    dryRun: false,
    keepGoing: false,
    jobs: 1,
    approve: () => Promise.resolve(true),
    signal: new AbortController().signal,
  };
}

/** Runs with an import of a verified bundle in sight, and a layout folder as target. */
async function withImport(
  use: (settings: Settings, target: ImageTarget, layout: string) => Promise<void>,
): Promise<void> {
  await withBundleFixture(async ({ folder, write, open }) => {
    await write(path.join(folder, 'bundle'));
    const settings = settingsFor(await open(path.join(folder, 'bundle')));
    const layout = path.join(folder, 'target');
    await use(settings, await openOciTarget(layout), layout);
  });
}

const [python, crypto, powershell] = sampleReferences;

/** Imports one image, and gives its entry the names of two others. */
async function occupy(settings: Settings, target: ImageTarget, layout: string): Promise<void> {
  await importBundle({ ...settings, only: [python ?? ''], targets: [target], emit: silent });
  const file = path.join(layout, 'index.json');
  const text = await readFile(file, 'utf8');
  const [entry] = (JSON.parse(text) as { manifests: object[] }).manifests;
  const named = [crypto, powershell].map((name) => ({
    ...entry,
    annotations: { 'io.containerd.image.name': name },
  }));
  await writeFile(file, JSON.stringify({ schemaVersion: 2, manifests: named }));
}

test('all names that stand for other images are told before anything is sent', async (t) => {
  await withImport(async (settings, target, layout) => {
    await occupy(settings, target, layout);
    const before = await readFile(path.join(layout, 'index.json'));
    const events: Event[] = [];
    const emit = (event: Event): void => void events.push(event);
    const error = await t.throwsAsync(importBundle({ ...settings, targets: [target], emit }), {
      instanceOf: PackferryError,
      code: 'E_TAG_CONFLICT',
    });
    t.deepEqual(
      error.errors.map(({ code }) => code),
      ['E_TAG_CONFLICT', 'E_TAG_CONFLICT'],
    );
    for (const [at, name] of [crypto, powershell].entries()) {
      t.true(error.errors[at]?.message.startsWith(`${name ?? ''}: `), error.errors[at]?.message);
      t.true(error.errors[at]?.hint?.includes(path.join(layout, 'index.json')));
    }
    t.deepEqual(events, []);
    t.deepEqual(await readFile(path.join(layout, 'index.json')), before);
  });
});

test('a dry run tells the state of every image, names that are taken or not', async (t) => {
  await withImport(async (settings, target, layout) => {
    await occupy(settings, target, layout);
    const { report, errors } = await importBundle({
      ...settings,
      targets: [target],
      dryRun: true,
      emit: silent,
    });
    t.deepEqual(
      report.targets[0]?.images.map(({ reference, status }) => [reference, status]).sort(),
      sampleReferences
        .map((name) => [name, name === crypto || name === powershell ? 'failed' : 'pending'])
        .sort(),
    );
    t.is(errors.length, 2);
  });
});

test('the id of an image is the one that the target gives it, loaded or present', async (t) => {
  await withImport(async (settings, target) => {
    const id = digestOf('index');
    const engine: ImageTarget = {
      ...target,
      survey: (images) => Promise.resolve(images.map(() => ({ state: 'present', id }))),
    };
    const { report } = await importBundle({ ...settings, targets: [engine], emit: silent });
    t.deepEqual(new Set(report.targets[0]?.images.map((image) => image.id)), new Set([id]));
  });
});

test('an image without a tag has no name on an engine, and the import says so', async (t) => {
  await withBundleFixture(async ({ folder, write, open, content, images }) => {
    const [image] = images;
    if (image === undefined) throw new Error('no image');
    const reference = `docker.io/demisto/python3@${image.manifest.digest}`;
    const volumes = [[{ image: { ...image, reference }, usedBy: [] }]];
    await write(path.join(folder, 'bundle'), { content: { ...content(), volumes } });
    const bundle = await open(path.join(folder, 'bundle'));
    const layout = await openOciTarget(path.join(folder, 'target'));
    const warningsAt = async (target: ImageTarget): Promise<string[]> => {
      const warnings: string[] = [];
      await importBundle({
        ...settingsFor(bundle),
        targets: [target],
        emit: (event) => {
          if (event.type === 'note') warnings.push(event.message);
        },
      });
      return warnings;
    };
    t.deepEqual(await warningsAt(layout), []);
    const [warning, ...more] = await warningsAt({ ...layout, tagsOnly: true });
    for (const part of [reference, image.config.digest]) t.true(warning?.includes(part), warning);
    t.is(more.length, 0);
  });
});

test('a failure at one target starts nothing more there, and keeps no other from finishing', async (t) => {
  await withImport(async (settings, target) => {
    const broken: ImageTarget = {
      ...target,
      deliver: () => Promise.reject(new PackferryError('E_LOAD_FAILED', 'x')),
    };
    const { report } = await importBundle({ ...settings, targets: [broken, target], emit: silent });
    t.deepEqual(
      report.targets.map(({ images }) => images.map(({ status }) => status)),
      [
        ['failed', 'pending', 'pending', 'pending'],
        ['loaded', 'loaded', 'loaded', 'loaded'],
      ],
    );
  });
});

test('a fault of the disk is told with the name of the image', async (t) => {
  await withImport(async (settings, target) => {
    const deliver: ImageTarget['deliver'] = async () => {
      await writeFile('/dev/full', 'x');
      return { bytesSent: 0, bytesSkipped: 0 };
    };
    const full = { ...target, deliver };
    const { errors } = await importBundle({
      ...settings,
      targets: [full],
      only: [python ?? ''],
      emit: silent,
    });
    t.is(errors[0]?.code, 'E_DISK_FULL');
    t.true(errors[0]?.message.includes(python ?? 'no'), errors[0]?.message);
    t.truthy(errors[0]?.hint);
  });
});
