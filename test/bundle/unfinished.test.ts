import { mkdir, readdir, readFile, rename, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import type { BundleContent } from '../../src/bundle/document.ts';
import { hexOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import { uniqueBlobs, type Descriptor, type LockedImage } from '../../src/core/image.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { withBundleFixture, type BundleFixture } from '../helpers/bundle-fixture.ts';
import { withSmallDisk } from '../helpers/small-disk.ts';

/** The content of a bundle with these images, so many of them in the first archive. */
function contentWith({ content }: BundleFixture, images: readonly LockedImage[], first = 2): BundleContent {
  const volumes = [images.slice(0, first), images.slice(first)].filter(({ length }) => length > 0);
  return { ...content(), volumes: volumes.map((each) => each.map((image) => ({ image, usedBy: [] }))) };
}

/** What is asked of a source, as `[digest, from]`; `broken` never gets beyond its half. */
function watched(source: ImageSource, broken?: Descriptor): ImageSource & { asked: [string, number][] } {
  const asked: [string, number][] = [];
  return {
    ...source,
    asked,
    openBlob: async (image, blob, options) => {
      asked.push([blob.digest, options?.from ?? 0]);
      const stream = await source.openBlob(image, blob, options);
      return blob.digest === broken?.digest ? Readable.from(halfOf(stream, blob.size / 2)) : stream;
    },
  };
}

async function* halfOf(stream: Readable, bytes: number): AsyncGenerator<Buffer> {
  let left = Math.floor(bytes);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    yield chunk.subarray(0, left);
    left -= Math.min(left, chunk.length);
    if (left === 0) throw new PackferryError('E_SOURCE_UNREACHABLE', 'the connection broke');
  }
}

function lastLayer(image: LockedImage | undefined): Descriptor {
  const layer = image?.layers.at(-1);
  if (layer === undefined) throw new Error('no layer');
  return layer;
}

/** An export of the first three images that misses one layer. Returns the digests that it has whole. */
async function interruptedExport(fixture: BundleFixture, dir: string, first = 2): Promise<Set<string>> {
  const images = fixture.images.slice(0, 3);
  const broken = lastLayer(images[1]);
  const source = watched(fixture.source, broken);
  const content = contentWith(fixture, images, first);
  await fixture.write(dir, { content, source, keepGoing: true }).catch(() => undefined);
  return new Set(uniqueBlobs(images).flatMap(({ digest }) => (digest === broken.digest ? [] : [digest])));
}

/** The files of a folder with their bytes. */
async function filesOf(dir: string): Promise<Record<string, string>> {
  const names = (await readdir(dir)).sort();
  const files = await Promise.all(
    names.map(async (name) => [name, (await readFile(path.join(dir, name))).toString('base64')] as const),
  );
  return Object.fromEntries(files);
}

test('an image that is added after a night of fetching: nothing is fetched twice', async (t) => {
  await withBundleFixture(async (fixture) => {
    const { folder, images, source, write } = fixture;
    const dir = path.join(folder, 'out');
    const had = await interruptedExport(fixture, dir);
    const notes: Event[] = [];
    const watching = watched(source);
    const content = contentWith(fixture, images);
    await write(dir, {
      content,
      source: watching,
      emit: (event) => (event.type === 'note' ? notes.push(event) : undefined),
    });
    const missing = uniqueBlobs(images).filter(({ digest }) => !had.has(digest));
    t.deepEqual(watching.asked.map(([digest]) => digest).sort(), missing.map(({ digest }) => digest).sort());
    t.is(notes.length, 1);
    await write(path.join(folder, 'undisturbed'), { content });
    t.deepEqual(await filesOf(dir), await filesOf(path.join(folder, 'undisturbed')));
  });
});

test('an image that goes and comes back: nothing is fetched twice', async (t) => {
  await withBundleFixture(async (fixture) => {
    const { folder, images, source, write, open } = fixture;
    const dir = path.join(folder, 'out');
    const had = await interruptedExport(fixture, dir);
    const broken = lastLayer(images[1]);
    const fewer = contentWith(fixture, images.slice(0, 2));
    await t.throwsAsync(write(dir, { content: fewer, source: watched(source, broken) }));
    const watching = watched(source);
    await write(dir, { content: contentWith(fixture, images.slice(0, 3)), source: watching });
    t.true(had.size > 5);
    t.deepEqual(
      watching.asked.map(([digest]) => digest),
      [broken.digest],
    );
    await t.notThrowsAsync(open(dir));
  });
});

test('a blob that is half there is gone on with, although the content has changed', async (t) => {
  await withBundleFixture(async (fixture) => {
    const { folder, images, source, write, open } = fixture;
    const dir = path.join(folder, 'out');
    await interruptedExport(fixture, dir);
    const journal = path.join(dir, 'export.journal');
    const { digest, size } = lastLayer(images[1]);
    const half = Math.floor(size / 2);
    await writeFile(journal, `${digest} ${half}\n`, { flag: 'a' });
    const watching = watched(source);
    await write(dir, { content: contentWith(fixture, images), source: watching });
    t.deepEqual(
      watching.asked.filter(([asked]) => asked === digest),
      [[digest, half]],
    );
    await t.notThrowsAsync(open(dir));
  });
});

test('a blob that is half there moves on the display while its bytes are hashed again', async (t) => {
  await withBundleFixture(async (fixture) => {
    const { folder, images, write } = fixture;
    const dir = path.join(folder, 'out');
    await interruptedExport(fixture, dir);
    const { digest, size } = lastLayer(images[1]);
    const half = Math.floor(size / 2);
    await writeFile(path.join(dir, 'export.journal'), `${digest} ${half}\n`, { flag: 'a' });
    const events: Event[] = [];
    await write(dir, { content: contentWith(fixture, images), emit: (event) => events.push(event) });
    const told = events.filter((event) => 'item' in event && event.item === digest);
    t.like(told[0], { type: 'started', present: 0 });
    t.like(told[1], { type: 'progress', present: half, bytes: half });
    t.like(
      told.filter(({ type }) => type === 'started').at(-1),
      { present: half },
      'what is fetched goes on from there',
    );
  });
});

test('what was damaged on the disk meanwhile is told and fetched', async (t) => {
  await withBundleFixture(async (fixture) => {
    const { folder, images, source, write, open } = fixture;
    const dir = path.join(folder, 'out');
    await interruptedExport(fixture, dir);
    const spoilt = lastLayer(images[0]);
    const part = path.join(dir, 'images-001.tar.part');
    const bytes = await readFile(part);
    const at = bytes.lastIndexOf(`blobs/sha256/${hexOf(spoilt.digest)}`) + 512 + 100;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(part, bytes);
    const warnings: string[] = [];
    const watching = watched(source);
    await write(dir, {
      content: contentWith(fixture, images),
      source: watching,
      emit: (event) =>
        event.type === 'note' && event.level === 'warning' ? warnings.push(event.message) : undefined,
    });
    t.deepEqual(warnings, [`the export that did not finish: blob ${spoilt.digest} is damaged there`]);
    t.true(watching.asked.some(([digest, from]) => digest === spoilt.digest && from === 0));
    await t.notThrowsAsync(open(dir));
  });
});

test('a crash while the old export is set aside: the next run does the rest', async (t) => {
  await withBundleFixture(async (fixture) => {
    const { folder, images, source, write, open } = fixture;
    const dir = path.join(folder, 'out');
    const had = await interruptedExport(fixture, dir);
    const aside = path.join(dir, 'export.unfinished', '1');
    await mkdir(aside, { recursive: true });
    await rename(path.join(dir, 'images-001.tar.part'), path.join(aside, 'images-001.tar'));
    const watching = watched(source);
    await write(dir, { content: contentWith(fixture, images), source: watching });
    t.false(watching.asked.some(([digest]) => had.has(digest)));
    await t.notThrowsAsync(open(dir));
  });
});

/** KiB of the blobs of the images. */
function kibOf(images: readonly LockedImage[]): number {
  return uniqueBlobs(images).reduce((sum, { size }) => sum + size, 0) / 1024;
}

test.serial(
  'a disk that cannot hold both: the old export gives its room back while its blobs move',
  async (t) => {
    await withBundleFixture(async (fixture) => {
      const { folder, images, source, write, open } = fixture;
      await withSmallDisk(t, folder, kibOf(images) * 1.65, async (disk) => {
        const dir = path.join(disk, 'out');
        const had = await interruptedExport(fixture, dir, 4);
        const content = contentWith(fixture, images, 4);
        const { bavail, bsize } = await statfs(disk);
        t.true(bavail * bsize < kibOf(images) * 1024, 'there is no room for both');
        const notes: Event[] = [];
        const watching = watched(source);
        const emit = (event: Event): void => {
          if (event.type === 'note') notes.push(event);
        };
        await write(dir, { content, source: watching, jobs: 1, emit });
        t.false(watching.asked.some(([digest]) => had.has(digest)));
        t.deepEqual(
          notes.map((note) => note.type === 'note' && note.level),
          ['info'],
        );
        await t.notThrowsAsync(open(dir));
        t.false((await readdir(dir)).includes('export.unfinished'));
      });
    });
  },
);

test.serial('a disk that cannot even hold that: what was fetched is dropped, and that is said', async (t) => {
  await withBundleFixture(async (fixture) => {
    const { folder, images, source, write, open } = fixture;
    // Room for the bundle alone, with what stands beside its archives and some to spare.
    await withSmallDisk(t, folder, kibOf(images) * 1.4 + 512, async (disk) => {
      const dir = path.join(disk, 'out');
      await interruptedExport(fixture, dir);
      const warnings: string[] = [];
      const watching = watched(source);
      await write(dir, {
        content: contentWith(fixture, images),
        source: watching,
        emit: (event) =>
          event.type === 'note' && event.level === 'warning' ? warnings.push(event.message) : undefined,
      });
      t.is(watching.asked.length, uniqueBlobs(images).length);
      t.is(warnings.length, 1);
      t.regex(
        warnings[0] ?? '',
        /out: what was fetched before the content changed is dropped, since the disk/,
      );
      await t.notThrowsAsync(open(dir));
    });
  });
});

test.serial(
  'a disk that holds the archives, but not what stands beside them, is refused before the first byte',
  async (t) => {
    await withBundleFixture(async (fixture) => {
      const { folder, images, source, write } = fixture;
      await withSmallDisk(t, folder, kibOf(images) + 64, async (disk) => {
        const watching = watched(source);
        const written = write(path.join(disk, 'out'), {
          content: contentWith(fixture, images, images.length),
          source: watching,
        });
        await t.throwsAsync(written, { code: 'E_DISK_FULL' });
        t.deepEqual(watching.asked, []);
      });
    });
  },
);
