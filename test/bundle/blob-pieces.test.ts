import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import { composeImage, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { openOciLayout } from '../../src/archive/oci-layout.ts';
import { collect } from '../../src/core/collect.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { withBundleFixture, type BundleFixture } from '../helpers/bundle-fixture.ts';
import { readJournal, type BlobPlace } from '../../src/bundle/journal.ts';
import { gapsIn, joined, lengthOf, type Stretch } from '../../src/bundle/stretches.ts';
import type { WriteBundleOptions, WrittenBundle } from '../../src/bundle/write.ts';

const mib = 1024 * 1024;
const reference = 'docker.io/demisto/long:1.0.0.1';

/** A stretch of the long layer that was asked for. */
interface Asked {
  readonly from: number;
  readonly to: number;
}

interface Long {
  readonly asked: Asked[];
  /** Is it known that the source gives parts? */
  readonly gives: { parts: () => boolean };
  readonly dir: (name: string) => string;
  /** Exports the image with three at work; `change` is applied to every part of the long layer. */
  readonly run: (
    name: string,
    change?: (part: Buffer, asked: Asked) => Readable,
    options?: Partial<WriteBundleOptions>,
  ) => Promise<WrittenBundle>;
  readonly open: BundleFixture['open'];
}

const whole = (part: Buffer): Readable => Readable.from([part], { objectMode: false });

/** Runs with an image that has one layer of 12 MiB, from a source that gives parts. */
async function withLong(use: (long: Long) => Promise<void>): Promise<void> {
  await withBundleFixture(async ({ folder, write, content, open }) => {
    const image = composeImage({ files: [{ path: 'long', content: noise('long', 12 * mib) }] });
    await writeOciLayout(path.join(folder, 'long'), [{ reference, image }]);
    const layout = await openOciLayout(path.join(folder, 'long'));
    const locked = await layout.resolve(parseReference(reference), defaultPlatform);
    const asked: Asked[] = [];
    const gives = { parts: () => true };
    const run: Long['run'] = (name, change = whole, options = {}) => {
      const source: ImageSource = {
        ...layout,
        name: 'parts:',
        splits: () => gives.parts(),
        openBlob: async (of, blob, { from = 0, to = blob.size } = {}) => {
          const bytes = await collect(await layout.openBlob(of, blob), 20 * mib, 'blob');
          if (blob.size < mib) return whole(bytes.subarray(from, to));
          asked.push({ from, to });
          return change(bytes.subarray(from, to), { from, to });
        },
      };
      const volumes = [[{ image: locked, usedBy: [] }]];
      const wanted = { ...content(), volumes };
      return write(path.join(folder, name), { content: wanted, source, jobs: 3, ...options });
    };
    await use({ asked, gives, run, open, dir: (name) => path.join(folder, name) });
  });
}

test('a long blob is fetched in parts without a gap or a byte twice, and the archive is the same', async (t) => {
  await withLong(async ({ asked, run, open, dir }) => {
    const events: Event[] = [];
    const { bytesFetched } = await run('parts', whole, { emit: (event) => events.push(event) });
    const parts = asked.splice(0).sort((a, b) => a.from - b.from);
    t.true(parts.length >= 4, `${parts.length} parts`);
    for (const [at, { from }] of parts.entries()) t.is(from, parts[at - 1]?.to ?? 0);
    await t.notThrowsAsync(open(dir('parts')));
    t.true(bytesFetched >= 12 * mib);

    // What people see never runs backwards.
    const digest = events.find((event) => event.type === 'started' && event.bytes === parts.at(-1)?.to);
    const shown = events.flatMap((event) =>
      event.type === 'progress' && digest?.type === 'started' && event.item === digest.item
        ? [event.bytes]
        : [],
    );
    t.deepEqual(
      shown,
      [...shown].sort((a, b) => a - b),
    );
    t.is(shown.at(-1), parts.at(-1)?.to);

    await run('one', whole, { jobs: 1 });
    const archives = ['parts', 'one'].map((name) => readFile(path.join(dir(name), 'images-001.tar')));
    const [first, second] = await Promise.all(archives);
    t.true(first?.equals(second ?? Buffer.of()));
  });
});

test('a part that arrives before all earlier ones is hashed in its turn', async (t) => {
  await withLong(async ({ run, open, dir, asked }) => {
    let release = (): void => undefined;
    const last = new Promise<void>((resolve) => (release = resolve));
    await run('late', (part, { from, to }) => {
      if (to === asked.reduce((most, one) => Math.max(most, one.to), 0) && to > 11 * mib) release();
      return from === 0 ? Readable.from(late(part, last), { objectMode: false }) : whole(part);
    });
    await t.notThrowsAsync(open(dir('late')));
  });
});

async function* late(part: Buffer, when: Promise<void>): AsyncGenerator<Buffer> {
  await when;
  yield part;
}

test('a part with wrong bytes: the blob is fetched once more, in one piece', async (t) => {
  await withLong(async ({ asked, run, open, dir }) => {
    let spoilt = false;
    await run('spoilt', (part, { from }) => {
      if (from === 0 || spoilt) return whole(part);
      spoilt = true;
      const wrong = Buffer.from(part);
      wrong[7] = (wrong[7] ?? 0) ^ 1;
      return whole(wrong);
    });
    t.true(spoilt);
    t.is(asked.at(-1)?.from, 0);
    t.true((asked.at(-1)?.to ?? 0) > 11 * mib);
    await t.notThrowsAsync(open(dir('spoilt')));
  });
});

test('that parts can be had is known after the first answer only: what was asked for whole is cut short', async (t) => {
  await withLong(async ({ asked, gives, run, open, dir }) => {
    gives.parts = () => asked.length > 0;
    await run('learned');
    const [first, ...others] = asked;
    t.deepEqual(first, { from: 0, to: Math.max(...asked.map(({ to }) => to)) });
    const parts = others.sort((a, b) => a.from - b.from);
    t.true(parts.length >= 3, `${parts.length} parts`);
    t.true((parts[0]?.from ?? 0) >= 2 * mib);
    for (const [at, { from }] of parts.entries()) t.is(from, parts[at - 1]?.to ?? from);
    await t.notThrowsAsync(open(dir('learned')));
  });
});

/** Breaks off an export in its first part and one in the middle, when all have been asked for. Returns what its journal has of the layer. */
async function broken({ run, dir, asked }: Long, name: string): Promise<Broken> {
  let release = (): void => undefined;
  const last = new Promise<void>((resolve) => (release = resolve));
  const fault = new PackferryError('E_SOURCE_UNREACHABLE', 'the connection was reset');
  await run(name, (part, { from, to }) => {
    if (to > 11 * mib) release();
    const isBroken = from === 0 || (from < 7 * mib && to >= 7 * mib);
    return isBroken ? Readable.from(breaks(part, last, fault), { objectMode: false }) : whole(part);
  }).catch((error: unknown) => {
    if (error !== fault && !(error instanceof PackferryError && error.code === fault.code)) throw error;
  });
  asked.splice(0);
  const { places = [], stretches } = (await readJournal(dir(name))) ?? {};
  const place = places.find(({ size }) => size > mib);
  const kept = place === undefined ? undefined : stretches?.get(place.digest);
  if (place === undefined || kept === undefined) throw new Error('nothing was noted');
  return { place, kept };
}

interface Broken {
  readonly place: BlobPlace;
  readonly kept: readonly Stretch[];
}

async function* breaks(part: Buffer, when: Promise<void>, fault: Error): AsyncGenerator<Buffer> {
  yield part.subarray(0, mib);
  await when;
  throw fault;
}

test('an export that broke off in parts: the next run asks for the gaps and for no byte more', async (t) => {
  await withLong(async (long) => {
    const { asked, run, open, dir } = long;
    const { kept, place } = await broken(long, 'failing');
    const gaps = gapsIn({ from: 0, to: place.size }, kept);
    t.true(kept.length > 2 && lengthOf(kept) > 6 * mib, JSON.stringify(kept));
    const shown: number[] = [];
    const emit = (event: Event): void => {
      if (!('item' in event) || event.item !== place.digest) return;
      if (event.type === 'started') shown.push(event.present ?? 0);
      if (event.type === 'progress') shown.push(event.bytes);
    };
    const { bytesFetched } = await run('failing', whole, { emit });
    t.deepEqual(joined(asked), gaps);
    t.is(lengthOf(asked), lengthOf(gaps));
    t.true(bytesFetched < lengthOf(gaps) + mib);
    // What is fetched goes on from what is there, and never runs backwards.
    t.true(shown.includes(lengthOf(kept)));
    t.deepEqual(
      shown,
      [...shown].sort((a, b) => a - b),
    );
    t.is(shown.at(-1), place.size);
    await t.notThrowsAsync(open(dir('failing')));
  });
});

test('what was fetched ahead of a gap and damaged meanwhile: the blob is fetched once more, in one piece', async (t) => {
  await withLong(async (long) => {
    const { asked, run, open, dir } = long;
    const { kept, place } = await broken(long, 'spoilt');
    const part = path.join(dir('spoilt'), `${place.file}.part`);
    const bytes = await readFile(part);
    const at = place.offset + (kept.at(-1)?.from ?? 0) + 5;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(part, bytes);
    await run('spoilt');
    t.deepEqual(asked.at(-1), { from: 0, to: place.size });
    await t.notThrowsAsync(open(dir('spoilt')));
  });
});

test('a source that gives no parts any more is asked for one gap and then for all the rest', async (t) => {
  await withLong(async (long) => {
    const { asked, gives, run, open, dir } = long;
    const { kept, place } = await broken(long, 'moved');
    gives.parts = () => false;
    await run('moved');
    const [first, second, ...others] = asked;
    t.is(first?.from, kept[0]?.to);
    t.is(first?.to, kept[1]?.from);
    t.deepEqual(second, { from: kept[1]?.to, to: place.size });
    t.deepEqual(others, []);
    await t.notThrowsAsync(open(dir('moved')));
  });
});

test('a part that cannot be had ends the export with its fault, and the next run goes on from the first gap', async (t) => {
  await withLong(async ({ asked, run, open, dir }) => {
    const fault = new PackferryError('E_SOURCE_UNREACHABLE', 'the connection was reset');
    const failing = run('failing', (part, { from }) => {
      if (from < 4 * mib) return whole(part);
      return new Readable({
        read() {
          this.destroy(fault);
        },
      });
    });
    const error = await t.throwsAsync(failing, { instanceOf: PackferryError });
    t.is(error.code, 'E_SOURCE_UNREACHABLE');
    const first = asked.splice(0).sort((a, b) => a.from - b.from);
    await run('failing');
    const [resumed] = asked.sort((a, b) => a.from - b.from);
    t.true((resumed?.from ?? 0) >= (first[0]?.to ?? Infinity), `went on at ${resumed?.from ?? 0}`);
    await t.notThrowsAsync(open(dir('failing')));
  });
});
