import path from 'node:path';
import test from 'ava';
import { tellImages } from '../../src/bundle/image-progress.ts';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';

type Complete = Extract<Event, { readonly type: 'image-complete' }>;

function completes(events: readonly Event[]): Complete[] {
  return events.filter((event) => event.type === 'image-complete');
}

function sumOf(images: readonly Complete[], part: 'fetched' | 'present' | 'shared'): number {
  return images.reduce((sum, image) => sum + image[part], 0);
}

test('each image is told once, when it is complete, and every fetched byte counts for one image', async (t) => {
  await withBundleFixture(async ({ folder, images, write }) => {
    const events: Event[] = [];
    const dir = path.join(folder, 'out');
    const { bytesFetched } = await write(dir, { emit: (event) => events.push(event) });
    const told = completes(events);
    t.deepEqual(told.map(({ image }) => image).sort(), images.map(({ reference }) => reference).sort());
    for (const { image, bytes, fetched, present, shared } of told) {
      const blobs = blobsOf(images.find(({ reference }) => reference === image) ?? t.fail());
      t.is(bytes, totalSize(blobs));
      t.is(fetched + present + shared, bytes);
      const last = events.findIndex((event) => event.type === 'image-complete' && event.image === image);
      for (const { digest } of blobs) {
        const done = events.findIndex((event) => event.type === 'done' && event.item === digest);
        t.true(done >= 0 && done < last, `${image} ${digest}`);
      }
    }
    t.is(sumOf(told, 'fetched'), bytesFetched);
    t.is(sumOf(told, 'present'), 0);
    t.true(sumOf(told, 'shared') > 0);
  });
});

test('a rerun tells what was there before, and of an image that lacks a blob nothing', async (t) => {
  await withBundleFixture(async ({ folder, images, source, write }) => {
    const dir = path.join(folder, 'out');
    const [whole, lacking] = images;
    const bad = lacking?.layers.at(-1)?.digest;
    const failing: ImageSource = {
      ...source,
      openBlob: (image, blob, options) =>
        blob.digest === bad
          ? Promise.reject(new PackferryError('E_IO', 'connection reset'))
          : source.openBlob(image, blob, options),
    };
    const first: Event[] = [];
    await t.throwsAsync(write(dir, { source: failing, keepGoing: true, emit: (event) => first.push(event) }));
    const early = completes(first).map(({ image }) => image);
    t.true(early.includes(whole?.reference ?? '') && !early.includes(lacking?.reference ?? ''));

    const second: Event[] = [];
    const { bytesFetched } = await write(dir, { emit: (event) => second.push(event) });
    const told = completes(second);
    t.is(told.length, images.length);
    t.is(sumOf(told, 'fetched'), bytesFetched);
    t.like(
      told.find(({ image }) => image === whole?.reference),
      { fetched: 0 },
    );
    t.like(
      told.find(({ image }) => image === lacking?.reference),
      { fetched: bytesFetched },
    );
  });
});

test('a blob that starts anew has nothing of before', (t) => {
  const content = Buffer.alloc(100);
  const blob = { mediaType: 'application/octet-stream', digest: digestOf(content), size: 100 };
  const events: Event[] = [];
  const emit = tellImages([{ blob, references: ['a', 'b', 'a'] }], (event) => events.push(event));
  const about = { task: 'pull', item: blob.digest } as const;
  emit({ type: 'started', ...about, bytes: 100, present: 60 });
  emit({ type: 'started', ...about, bytes: 100, present: 0 });
  emit({ type: 'progress', ...about, bytes: 50 });
  t.deepEqual(completes(events), []);
  emit({ type: 'done', ...about, bytes: 100 });
  t.deepEqual(completes(events), [
    { type: 'image-complete', image: 'a', bytes: 100, fetched: 100, present: 0, shared: 0 },
    { type: 'image-complete', image: 'b', bytes: 100, fetched: 0, present: 0, shared: 100 },
  ]);
});

test('labels say what a blob is and by how many images it is needed', async (t) => {
  await withBundleFixture(async ({ folder, images, write }) => {
    const labels = new Map<string, string>();
    await write(path.join(folder, 'out'), {
      emit: (event) => {
        if (event.type === 'started') labels.set(event.item, event.label ?? '');
      },
    });
    const [image] = images;
    t.is(labels.get(image?.manifest.digest ?? ''), 'manifest of demisto/python3:3.12.13.1');
    t.is(labels.get(image?.config.digest ?? ''), 'config of demisto/python3:3.12.13.1');
    t.is(labels.get(image?.layers.at(-1)?.digest ?? ''), 'layer of demisto/python3:3.12.13.1');
    t.regex(
      labels.get(image?.layers[0]?.digest ?? '') ?? '',
      /^layer of demisto\/[a-z0-9-]+:[0-9.]+ and 3 more$/,
    );
  });
});
