import { setMaxListeners } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { openOciTarget } from '../../../src/archive/oci-target.ts';
import { readUnbelieved } from '../../../src/bundle/folder-source.ts';
import { openLendingBundle, type LendingBundle } from '../../../src/bundle/lending-bundle.ts';
import { openPassingBundle } from '../../../src/bundle/passing-bundle.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import { silent, type Event } from '../../../src/core/events.ts';
import { blobsOf, totalSize, uniqueBlobs, type LockedImage } from '../../../src/core/image.ts';
import type { ImageTarget } from '../../../src/core/ports.ts';
import { importBundle, type DeliverableBundle, type Imported } from '../../../src/flows/import.ts';
import { parseRetag } from '../../../src/flows/retag.ts';
import type { RequiredBlob } from '../../../src/schema/bundle.ts';
import { fixtureTime, withBundleFixture, type BundleFixture } from '../../helpers/bundle-fixture.ts';
import { countingReads } from '../../helpers/counting-reads.ts';
import { flipBit } from '../../helpers/damaged-bundle.ts';
import { contentWith, leftOutBy } from '../../helpers/delta-content.ts';

interface Settings {
  readonly with?: readonly LendingBundle[];
  readonly only?: readonly string[];
  readonly keepGoing?: boolean;
  readonly dryRun?: boolean;
  readonly retag?: readonly string[];
  readonly events?: Event[];
  readonly bundle?: DeliverableBundle;
}

/** A bundle that leaves out all layers of its first image, the first two layers of two others, and nothing of the last. */
interface Delta extends BundleFixture {
  readonly requires: readonly RequiredBlob[];
  readonly python: LockedImage;
  readonly at: (name: string) => string;
  readonly lend: (name: string) => Promise<LendingBundle>;
  /** Writes a bundle of these images, in full. */
  readonly full: (name: string, images: readonly LockedImage[]) => Promise<LendingBundle>;
  readonly into: (targets: readonly ImageTarget[], settings?: Settings) => Promise<Imported>;
}

async function withDelta(use: (delta: Delta) => Promise<void>): Promise<void> {
  await withBundleFixture(async (fixture) => {
    const { folder, images, allowed } = fixture;
    const at = (name: string): string => path.join(folder, name);
    const [python] = images;
    if (python === undefined) throw new Error('no image');
    const leftOut = leftOutBy(images, [python]);
    await fixture.write(at('delta'), { content: contentWith(images, leftOut) });
    const verified = await fixture.open(at('delta'));
    const lend: Delta['lend'] = (name) =>
      openLendingBundle(at(name), { allowed, now: fixtureTime, emit: silent });
    const full: Delta['full'] = async (name, carried) => {
      await fixture.write(at(name), { content: contentWith(carried) });
      return lend(name);
    };
    const into: Delta['into'] = (targets, { events = [], bundle = verified, ...settings } = {}) =>
      importBundle({
        ...{ bundle, targets, only: [], dryRun: false, keepGoing: false, jobs: 2 },
        ...settings,
        retag: (settings.retag ?? []).map(parseRetag),
        approve: () => Promise.resolve(true),
        emit: (event) => void events.push(event),
        signal: patient(),
      });
    const { requires } = verified.document;
    await use({ ...fixture, requires, python, at, lend, full, into });
  });
}

/** As many may listen as to the signal of the program. */
function patient(): AbortSignal {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return signal;
}

const targetAt = (dir: string): Promise<ImageTarget> => openOciTarget(dir);

function statuses({ report }: Imported): readonly (readonly string[])[] {
  return report.targets.map(({ images }) => images.map(({ status }) => status));
}

const sent = ({ report }: Imported): number =>
  report.targets.flatMap(({ images }) => images).reduce((sum, { bytesSent }) => sum + bytesSent, 0);

const notes = (events: readonly Event[]): string =>
  events.flatMap((event) => (event.type === 'note' ? event.message : [])).join('\n');

async function refusalOf(imported: Promise<unknown>): Promise<PackferryError> {
  const fault: unknown = await imported.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (fault instanceof PackferryError) return fault;
  throw new Error(`the import is not refused: ${String(fault)}`);
}

test('a target that has the layers gets what the bundle carries, and nothing else', async (t) => {
  await withDelta(async ({ at, into, full, write, open, images, python, requires, content }) => {
    await full('base', [python]);
    const target = await targetAt(at('target'));
    await into([target], { bundle: await open(at('base')) });
    const imported = await into([target]);
    t.is(statuses(imported)[0]?.filter((status) => status === 'present').length, 1);
    const brought = uniqueBlobs(images).filter(
      (blob) => !blobsOf(python).some((b) => b.digest === blob.digest),
    );
    t.is(sent(imported), totalSize(brought));
    t.is(imported.report.lent, undefined);
    for (const image of images) t.like(await target.confirm(image), { confirmed: true });
    t.true(requires.length > 1);
    // The same as from a bundle that leaves nothing out.
    await write(at('whole'), { content: content() });
    t.deepEqual(
      new Set(statuses(await into([target], { bundle: await open(at('whole')) }))[0]),
      new Set(['present']),
    );
  });
});

test('nothing is sent when layers are missing, and all that is missing is told at once', async (t) => {
  await withDelta(async ({ at, into, images, requires }) => {
    const target = await targetAt(at('target'));
    const events: Event[] = [];
    const error = await refusalOf(into([target], { events }));
    t.is(error.code, 'E_BASE_MISSING');
    t.regex(error.message, /^nothing was sent: \d images stand on \d layers, .* that test \d+ leaves out/);
    const affected = images.filter(({ layers }) =>
      layers.some((layer) => requires.some(({ digest }) => digest === layer.digest)),
    );
    t.deepEqual(
      error.errors.map(({ message }) => message.split(': ')[0]).sort(),
      affected.map(({ reference }) => reference).sort(),
    );
    for (const { message, hint = '' } of error.errors) {
      t.true(message.includes(target.name) && message.includes('in bundle test 1'), message);
      t.regex(hint, /First import what it stands on \(bundle test 1\), or .*--with DIR/);
    }
    for (const { digest } of requires) t.true(error.errors.some(({ message }) => message.includes(digest)));
    t.deepEqual(events, []);
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });
  });
});

test('a bundle that lends the layers makes up for them, and the report says which one', async (t) => {
  await withDelta(async ({ at, into, full, images, requires, python }) => {
    const lender = await full('base', [python]);
    const target = await targetAt(at('target'));
    const events: Event[] = [];
    const imported = await into([target], { with: [lender], events });
    t.deepEqual(new Set(statuses(imported)[0]), new Set(['loaded']));
    t.is(sent(imported), totalSize(uniqueBlobs(images)));
    const lending = events.filter((event) => 'task' in event && event.task === 'lend');
    const [items, bytes] = [requires.length, totalSize(requires)];
    t.deepEqual(lending[0], { type: 'planned', task: 'lend', items, bytes });
    t.is(lending.filter(({ type }) => type === 'done').length, items);
    t.is(lending.at(-1)?.type, 'finished');
    t.like(imported.report.lent, {
      0: { dir: at('base'), layers: requires.length, bytes: totalSize(requires) },
    });
    for (const image of images) t.like(await target.confirm(image), { confirmed: true });
  });
});

test('only the images that are chosen count, under whatever name', async (t) => {
  await withDelta(async ({ at, into, full, images, python, requires }) => {
    const needy = images.filter(({ layers }) =>
      layers.some((layer) => requires.some(({ digest }) => digest === layer.digest)),
    );
    const only = [needy.at(-1)?.reference ?? ''];
    const target = await targetAt(at('target'));
    const retag = ['docker.io/demisto/*=soc.example/*'];
    const error = await refusalOf(into([target], { only, retag }));
    t.is(error.code, 'E_BASE_MISSING');
    t.regex(error.message, /^nothing was sent: soc\.example\//);
    const lender = await full('base', [python]);
    const imported = await into([target], { only, retag, with: [lender] });
    t.deepEqual(statuses(imported), [['loaded']]);
    const wanted = new Set(needy.at(-1)?.layers.map(({ digest }) => digest));
    t.is(imported.report.lent?.[0]?.layers, requires.filter(({ digest }) => wanted.has(digest)).length);
  });
});

test('a layer that is damaged in one bundle is taken from the next, and that is told', async (t) => {
  await withDelta(async ({ at, into, full, python, requires }) => {
    const damaged = await full('damaged', [python]);
    const other = await full('other', [python]);
    const [first] = requires;
    await damage(at('damaged'), first);
    const events: Event[] = [];
    const target = await targetAt(at('target'));
    const imported = await into([target], { with: [damaged, other], events });
    t.deepEqual(new Set(statuses(imported)[0]), new Set(['loaded']));
    t.regex(notes(events), new RegExp(`${first?.digest ?? ''}.*${at('other')}`));
    t.deepEqual(
      imported.report.lent?.map(({ layers }) => layers),
      [requires.length - 1, 1],
    );

    // Alone it is refused, as a failed verification, and nothing is sent.
    const again = await full('again', [python]);
    await damage(at('again'), first);
    const error = await refusalOf(into([await targetAt(at('empty'))], { with: [again] }));
    t.is(error.code, 'E_BASE_MISSING');
    t.true(error.errors.every(({ errors }) => errors[0]?.code === 'E_DIGEST_MISMATCH'));
    t.regex(error.errors[0]?.message ?? '', /what is given by --with is no good/);
    await t.throwsAsync(readdir(at('empty')), { code: 'ENOENT' });
  });
});

/** The layer on top of an image, which others that stand on the same layers do not have. */
function lastOf({ layers }: LockedImage, requires: readonly RequiredBlob[]): readonly RequiredBlob[] {
  return requires.filter(({ digest }) => digest === layers.at(-1)?.digest);
}

/** Changes one bit of a layer where it lies. */
async function damage(dir: string, layer: RequiredBlob | undefined): Promise<void> {
  const { archives } = await readUnbelieved(dir);
  for (const { file, blobs } of archives) {
    const place = blobs.find(({ digest }) => digest === layer?.digest);
    if (place !== undefined) await flipBit(path.join(dir, file), place.offset + 3);
  }
}

test('what lacks nothing goes on when asked to, and a dry run tells what is missing', async (t) => {
  await withDelta(async ({ at, into, full, images, python, requires, write, open }) => {
    const leftOut = { base: ['bundle test 1'], requires: [...lastOf(python, requires)] };
    await write(at('small'), { content: contentWith(images, leftOut) });
    const bundle = await open(at('small'));
    const needy = ({ layers }: LockedImage): boolean =>
      layers.some(({ digest }) => digest === leftOut.requires[0]?.digest);
    const expected = (lacking: string, other: string): string[] =>
      bundle.document.images.map(({ reference }) => {
        const image = images.find((one) => one.reference === reference);
        return image !== undefined && needy(image) ? lacking : other;
      });
    const asked: string[] = [];
    const layout = await targetAt(at('target'));
    const target: ImageTarget = {
      ...layout,
      preflight: (missing) => {
        asked.push(...missing.map(({ reference }) => reference));
        return Promise.resolve([]);
      },
    };
    const dry = await into([target], { bundle, dryRun: true });
    t.deepEqual(statuses(dry)[0], expected('failed', 'pending'));
    t.true(dry.errors.every(({ code }) => code === 'E_BASE_MISSING') && dry.errors.length > 0);
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });
    t.deepEqual(
      asked.sort(),
      images
        .filter((image) => !needy(image))
        .map(({ reference }) => reference)
        .sort(),
    );

    const helped = await into([target], { bundle, dryRun: true, with: [await full('base', [python])] });
    t.deepEqual(new Set(statuses(helped)[0]), new Set(['pending']));
    t.like(helped.report.lent, { 0: { layers: 1 } });
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });

    const some = await into([target], { bundle, keepGoing: true });
    t.deepEqual(statuses(some)[0], expected('failed', 'loaded'));
    t.deepEqual(
      some.errors.map(({ code }) => code),
      images.filter(needy).map(() => 'E_BASE_MISSING' as const),
    );
  });
});

test('each of several targets is looked at by itself', async (t) => {
  await withDelta(async ({ at, into, full, open, python }) => {
    const lender = await full('base', [python]);
    const [has, lacks] = [await targetAt(at('has')), await targetAt(at('lacks'))];
    await into([has], { bundle: await open(at('base')) });
    const error = await refusalOf(into([has, lacks]));
    t.is(error.code, 'E_BASE_MISSING');
    t.true(error.errors.every(({ message }) => message.includes(lacks.name)));
    t.false(error.errors.some(({ message }) => message.includes(has.name)));
    const imported = await into([has, lacks], { with: [lender] });
    t.false(statuses(imported).flat().includes('failed'));
    t.deepEqual(imported.errors, []);
  });
});

test('several targets that lack the layers cost one reading of them, after that of the check', async (t) => {
  await withDelta(async ({ at, into, full, python, requires }) => {
    const lender = await full('base', [python]);
    const targets = [await targetAt(at('one')), await targetAt(at('two')), await targetAt(at('three'))];
    const archive = path.join(at('base'), (await readUnbelieved(at('base'))).archives[0]?.file ?? '');
    const { ino } = await stat(archive);
    const read = await countingReads(archive, async (counts) => {
      const imported = await into(targets, { with: [lender] });
      t.deepEqual(new Set(statuses(imported).flat()), new Set(['loaded']));
      return counts.get(ino) ?? 0;
    });
    t.is(read, 2 * totalSize(requires));
  });
});

test('single pass: what is left out comes from who lends it, and what nobody has ends it', async (t) => {
  await withDelta(async ({ at, into, full, python, images, allowed }) => {
    const passing = async <T>(use: (bundle: DeliverableBundle) => Promise<T>): Promise<T> => {
      const options = { allowed, now: fixtureTime, emit: silent };
      const bundle = await openPassingBundle(at('delta'), options);
      return use(bundle).finally(() => bundle.close());
    };
    const target = await targetAt(at('target'));
    const error = await refusalOf(passing((bundle) => into([target], { bundle })));
    t.is(error.code, 'E_BASE_MISSING');
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });
    const lender = await full('base', [python]);
    const other = await targetAt(at('other'));
    const imported = await passing((bundle) => into([target, other], { bundle, with: [lender] }));
    t.is(imported.damage, undefined);
    t.deepEqual(new Set(statuses(imported).flat()), new Set(['loaded']));
    for (const image of images) {
      t.like(await target.confirm(image), { confirmed: true });
      t.like(await other.confirm(image), { confirmed: true });
    }
  });
});

test('a target that cannot use what it says that it has: lent, or told with the way out', async (t) => {
  await withDelta(async ({ at, into, full, lend, python, requires }) => {
    const held = new Set(requires.map(({ digest }) => digest));
    const boasting = async (dir: string): Promise<ImageTarget> => {
      const layout = await targetAt(dir);
      return {
        ...layout,
        survey: (images) => Promise.resolve(images.map(() => ({ state: 'absent', held }))),
      };
    };
    const { errors } = await into([await boasting(at('one'))], { only: [python.reference] });
    t.is(errors[0]?.code, 'E_BASE_MISSING');
    t.regex(errors[0]?.message ?? '', /python3.*which the target had said that it has.*bundle test 1 has it/);
    t.regex(errors[0]?.hint ?? '', /--with DIR/);
    const lender = await full('base', [python]);
    const lent = await into([await boasting(at('two'))], { only: [python.reference], with: [lender] });
    t.deepEqual(statuses(lent), [['loaded']]);
    t.like(lent.report.lent, { 0: { layers: requires.length } });
    // A copy that is damaged is not sent then either.
    await damage(at('base'), requires[0]);
    const options = { with: [await lend('base')], only: [python.reference] };
    const refused = await into([await boasting(at('three'))], options);
    t.is(refused.errors[0]?.errors[0]?.code, 'E_DIGEST_MISMATCH');
  });
});
