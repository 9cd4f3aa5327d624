import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import type { LockedImage } from '../../src/core/image.ts';
import type { ImageTarget, Presence } from '../../src/core/ports.ts';
import { EarlySurvey } from '../../src/flows/early-survey.ts';
import { importBundle, withOpenedImport, type FoundTarget } from '../../src/index.ts';
import {
  fixtureTime,
  makeTrust,
  sampleReferences,
  withBundle,
  type BundleFixture,
} from '../helpers/bundle-fixture.ts';

const { signal } = new AbortController();

/** A target that has all images, and what it was asked for, in order. */
function watched(answers: (time: number) => Promise<void> = () => Promise.resolve()): {
  readonly found: readonly FoundTarget[];
  readonly asked: string[][];
} {
  const asked: string[][] = [];
  const none = (): Promise<never> => Promise.reject(new Error('nothing is sent here'));
  const target: ImageTarget = {
    name: 'docker:',
    survey: async (images): Promise<Presence[]> => {
      asked.push(images.map(({ reference }) => reference));
      await answers(asked.length);
      return images.map(() => ({ state: 'present' }));
    },
    ...{ deliver: none, confirm: none, close: () => Promise.resolve() },
  };
  const opening = Object.assign(() => Promise.resolve(target), { url: 'docker:', isOverSsh: false });
  return { found: [opening], asked };
}

/** Opens target and bundle, and imports. Returns how often the target had been asked when it began. */
async function bring(
  { dir, allowed }: BundleFixture & { readonly dir: string },
  found: readonly FoundTarget[],
  asked: readonly unknown[],
  options: {
    readonly only?: readonly string[];
    readonly clock?: () => number;
    readonly wait?: () => void;
  } = {},
): Promise<number> {
  const { only = [], clock, wait } = options;
  const opening = {
    ...{ dir, found, only: [], signal },
    ...(clock === undefined ? {} : { clock }),
    judgement: { allowed, now: fixtureTime, emit: silent },
    onTrouble: () => undefined,
  };
  return withOpenedImport(opening, async (opened) => {
    const before = asked.length;
    wait?.();
    const { errors } = await importBundle({
      ...{ ...opened, only, dryRun: false, keepGoing: false, jobs: 1 },
      ...{ approve: () => Promise.resolve(true), emit: silent, signal },
    });
    if (errors[0] !== undefined) throw errors[0];
    return before;
  });
}

test('a target is asked once, while the bundle is still being verified', async (t) => {
  await withBundle(async (fixture) => {
    const { found, asked } = watched();
    t.is(await bring(fixture, found, asked), 1);
    t.deepEqual(asked, [[...sampleReferences].sort()]);
  });
});

test('a target that could not answer early is asked again, and its fault is told then', async (t) => {
  await withBundle(async (fixture) => {
    const off = new PackferryError('E_ENGINE_UNREACHABLE', 'the engine is off');
    const { found, asked } = watched((time) => (time === 1 ? Promise.reject(off) : Promise.resolve()));
    await bring(fixture, found, asked);
    t.is(asked.length, 2);
    const silentOne = watched(() => Promise.reject(off));
    await t.throwsAsync(bring(fixture, silentOne.found, silentOne.asked), { is: off });
  });
});

test('an answer that became old while a slow medium was read does not count', async (t) => {
  await withBundle(async (fixture) => {
    let time = 0;
    const { found, asked } = watched();
    await bring(fixture, found, asked, { clock: () => time, wait: () => void (time = 10_001) });
    t.is(asked.length, 2);
  });
});

test('an answer about other images does not count', async (t) => {
  await withBundle(async (fixture) => {
    const { found, asked } = watched();
    const [one = ''] = sampleReferences;
    await bring(fixture, found, asked, { only: [one] });
    t.deepEqual(asked[1], [one]);
  });
});

test('where nothing can be asked about, nobody is asked early and nobody waits for it', async (t) => {
  const { found, asked } = watched();
  const early = new EarlySurvey();
  const target = await early.over(found)[0]?.(signal);
  early.begin((): LockedImage[] => {
    throw new PackferryError('E_IMAGE_NOT_IN_BUNDLE', 'no such image');
  });
  t.is(target && (await early.answer(target, [])), undefined);
  t.deepEqual(asked, []);
});

test('of a bundle that nobody trusted has signed, no target hears a name', async (t) => {
  await withBundle(async (fixture) => {
    const { found, asked } = watched();
    const { allowed } = await makeTrust('somebody-else');
    await t.throwsAsync(bring({ ...fixture, allowed }, found, asked), { code: 'E_SIGNER_UNTRUSTED' });
    t.deepEqual(asked, []);
  });
});

test('a target that was asked early gets nothing of a bundle whose bytes turn out to be damaged', async (t) => {
  await withBundle(async (fixture) => {
    const { found, asked } = watched();
    const name = (await readdir(fixture.dir)).find((file) => file.endsWith('.tar')) ?? '';
    const file = path.join(fixture.dir, name);
    const bytes = await readFile(file);
    const at = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    await writeFile(file, bytes);
    await t.throwsAsync(bring(fixture, found, asked), { code: 'E_DIGEST_MISMATCH' });
    t.deepEqual(asked, [[...sampleReferences].sort()]);
  });
});
