import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import { hexOf } from '../../src/core/digest.ts';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import type { Descriptor } from '../../src/core/image.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { withExportLock } from '../../src/bundle/export-lock.ts';
import { withBundleFixture, withFolder } from '../helpers/bundle-fixture.ts';

const code = (expected: ErrorCode) => ({ instanceOf: PackferryError, code: expected });

/** The files of a folder with their bytes. */
async function contentsOf(dir: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(dir)).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(path.join(dir, name))] as const)),
  );
}

test('a bundle holds exactly the files of the format', async (t) => {
  await withBundleFixture(async ({ folder, write }) => {
    const dir = path.join(folder, 'out');
    await write(dir);
    const expected = [
      'README.txt',
      'SHA256SUMS',
      'SHA256SUMS.sig',
      'bundle.json',
      'images-001.tar',
      'load.sh',
    ];
    t.deepEqual((await readdir(dir)).sort(), expected);
  });
});

test('two exports of the same digests are identical, byte for byte', async (t) => {
  await withBundleFixture(async ({ folder, write }) => {
    await write(path.join(folder, 'one'), { jobs: 1 });
    await write(path.join(folder, 'two'), { jobs: 8 });
    const [one, two] = [
      await contentsOf(path.join(folder, 'one')),
      await contentsOf(path.join(folder, 'two')),
    ];
    t.deepEqual([...one.keys()], [...two.keys()]);
    for (const [name, bytes] of one) t.true(bytes.equals(two.get(name) ?? Buffer.alloc(0)), name);
  });
});

test('a volume limit gives several archives, each of which loads alone; shared blobs are fetched once', async (t) => {
  await withBundleFixture(async ({ folder, write, open, content, source }) => {
    const opened: string[] = [];
    const counting: ImageSource = {
      ...source,
      openBlob: (image, blob, options) => {
        opened.push(blob.digest);
        return source.openBlob(image, blob, options);
      },
    };
    const dir = path.join(folder, 'out');
    const volumes = content(1_500_000);
    await write(dir, { content: volumes, source: counting });
    t.true(volumes.volumes.length > 1);
    const { document } = await open(dir);
    t.is(document.archives.length, volumes.volumes.length);
    t.is(opened.length, new Set(opened).size);
    const repeated = document.archives.flatMap(({ blobs }) => blobs.map(({ digest }) => digest));
    t.true(repeated.length > new Set(repeated).size, 'some layer stands in two archives');
  });
});

/** A source that fails for one blob after half of its bytes, as often as `times` says. */
function breaking(source: ImageSource, victim: Descriptor, times: number): ImageSource {
  let left = times;
  return {
    ...source,
    openBlob: async (image, blob, options) => {
      const stream = await source.openBlob(image, blob, options);
      if (blob.digest !== victim.digest || left === 0) return stream;
      left -= 1;
      return Readable.from(halfOf(stream, Math.floor(blob.size / 2)));
    },
  };
}

async function* halfOf(stream: Readable, bytes: number): AsyncGenerator<Buffer> {
  let passed = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    yield chunk.subarray(0, Math.max(0, bytes - passed));
    passed += chunk.length;
    if (passed >= bytes) throw new PackferryError('E_SOURCE_UNREACHABLE', 'the connection broke');
  }
}

test('a failed export leaves no final name, and the next one fetches only what is missing', async (t) => {
  await withBundleFixture(async ({ folder, images, write, source }) => {
    const victim = images[0]?.layers.at(-1);
    if (victim === undefined) throw new Error('the fixture has no layers');
    const dir = path.join(folder, 'out');
    const error = await t.throwsAsync(
      write(dir, { source: breaking(source, victim, 1), keepGoing: true }),
      code('E_PARTIAL'),
    );
    t.true(error.errors[0]?.message.includes('docker.io/demisto/python3:3.12.13.1'));
    t.deepEqual((await readdir(dir)).sort(), ['export.journal', 'images-001.tar.part']);

    const fetched: string[] = [];
    const skipped: string[] = [];
    const watching: ImageSource = {
      ...source,
      openBlob: (image, blob, options) => {
        fetched.push(blob.digest);
        return source.openBlob(image, blob, options);
      },
    };
    const emit = (event: Event): void => {
      if (event.type === 'skipped') skipped.push(event.item);
    };
    // Another moment: the facts of the first run stay, so that the result is the same.
    await write(dir, { source: watching, emit, now: new Date('2026-12-01T00:00:00Z') });
    t.deepEqual(fetched, [victim.digest]);
    t.true(skipped.length > 5);

    await write(path.join(folder, 'undisturbed'));
    const [one, two] = [await contentsOf(dir), await contentsOf(path.join(folder, 'undisturbed'))];
    for (const [name, bytes] of two) t.true(bytes.equals(one.get(name) ?? Buffer.alloc(0)), name);
    t.is(one.size, two.size);
  });
});

test('bytes of an interrupted run that were damaged meanwhile are fetched again', async (t) => {
  await withBundleFixture(async ({ folder, images, write, open, source }) => {
    const [first, second] = images;
    const victim = first?.layers.at(-1);
    const spoilt = second?.layers.at(-1);
    if (victim === undefined || spoilt === undefined) throw new Error('the fixture has no layers');
    const dir = path.join(folder, 'out');
    await t.throwsAsync(write(dir, { source: breaking(source, victim, 1), keepGoing: true }));
    const part = path.join(dir, 'images-001.tar.part');
    const bytes = await readFile(part);
    // The documents name the blob first; its last mention is its own header, one block before its content.
    const at = bytes.lastIndexOf(`blobs/sha256/${hexOf(spoilt.digest)}`);
    t.true(at > 0);
    bytes[at + 512 + 100] = (bytes[at + 512 + 100] ?? 0) ^ 1;
    await writeFile(part, bytes);
    await write(dir);
    await t.notThrowsAsync(open(dir));
  });
});

test('an unfinished export of other content makes way; nothing else does', async (t) => {
  await withBundleFixture(async ({ folder, images, write, open, content, source }) => {
    const victim = images[0]?.layers.at(-1);
    if (victim === undefined) throw new Error('the fixture has no layers');
    const dir = path.join(folder, 'out');
    await t.throwsAsync(write(dir, { source: breaking(source, victim, 1) }));
    const other = { ...content(), name: 'other' };
    await write(dir, { content: other });
    t.is((await open(dir)).document.name, 'other');

    await t.throwsAsync(write(dir), code('E_OUTPUT_EXISTS'));
    const foreign = path.join(folder, 'foreign');
    await write(foreign).then(() => writeFile(path.join(foreign, 'notes.txt'), 'mine'));
    await t.throwsAsync(write(foreign), code('E_OUTPUT_EXISTS'));
    t.is(await readFile(path.join(foreign, 'notes.txt'), 'utf8'), 'mine');
  });
});

test('an aborted export rejects with the reason and can be finished', async (t) => {
  await withBundleFixture(async ({ folder, write, open }) => {
    const stop = new AbortController();
    const dir = path.join(folder, 'out');
    const emit = (event: Event): void => {
      if (event.type === 'done' && event.task === 'pull') {
        stop.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
      }
    };
    await t.throwsAsync(write(dir, { emit, signal: stop.signal, jobs: 1 }), code('E_INTERRUPTED'));
    await write(dir);
    await t.notThrowsAsync(open(dir));
  });
});

const wrongBytes = test.macro({
  exec: async (t, change: (bytes: Buffer) => Buffer, expected: ErrorCode) => {
    await withBundleFixture(async ({ folder, images, write, source }) => {
      const victim = images[0]?.layers.at(-1);
      const lying: ImageSource = {
        ...source,
        openBlob: async (image, blob, options) => {
          const stream = await source.openBlob(image, blob, options);
          if (blob.digest !== victim?.digest) return stream;
          const chunks: Buffer[] = [];
          for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
          return Readable.from([change(Buffer.concat(chunks))]);
        },
      };
      const dir = path.join(folder, 'out');
      await t.throwsAsync(write(dir, { source: lying }), code(expected));
      t.false((await readdir(dir)).includes('SHA256SUMS.sig'));
    });
  },
  title: (name) => `a source that lies is found out: ${name ?? ''}`,
});

test('one bit flipped', wrongBytes, (bytes) => bytes.fill((bytes[9] ?? 0) ^ 1, 9, 10), 'E_DIGEST_MISMATCH');
test('one byte short', wrongBytes, (bytes) => bytes.subarray(1), 'E_SIZE_MISMATCH');
test('one byte more', wrongBytes, (bytes) => Buffer.concat([bytes, Buffer.from('x')]), 'E_SIZE_MISMATCH');

const alive = { pid: 4_000_000_001, isRunning: (pid: number) => pid === 4_000_000_001 };
const dead = { pid: 4_000_000_002, isRunning: () => false };

test('two exports into one folder: the second one is refused, a dead one is taken over', async (t) => {
  await withFolder(async (folder) => {
    const dir = path.join(folder, 'out');
    await withExportLock(dir, alive, async () => {
      t.true((await readdir(dir)).includes('export.lock'));
      const error = await t.throwsAsync(
        withExportLock(dir, alive, () => Promise.resolve()),
        code('E_OUTPUT_EXISTS'),
      );
      t.true(error.message.includes('4000000001'));
    });
    t.deepEqual(await readdir(dir), []);
    await writeFile(path.join(dir, 'export.lock'), `4000000003 ${hostname()}\n`);
    t.is(await withExportLock(dir, dead, () => Promise.resolve('done')), 'done');
    await writeFile(path.join(dir, 'export.lock'), '4000000003 another-machine\n');
    await t.throwsAsync(
      withExportLock(dir, dead, () => Promise.resolve()),
      code('E_OUTPUT_EXISTS'),
    );
  });
});

test('a folder with files of somebody else gets no lock', async (t) => {
  await withFolder(async (folder) => {
    await writeFile(path.join(folder, 'notes.txt'), 'mine');
    await t.throwsAsync(
      withExportLock(folder, dead, () => Promise.resolve()),
      code('E_OUTPUT_EXISTS'),
    );
    t.deepEqual(await readdir(folder), ['notes.txt']);
  });
});

test('who uses an image and where it came from may change without a byte being fetched again', async (t) => {
  await withBundleFixture(async ({ folder, images, write, open, content, source }) => {
    const victim = images[0]?.layers.at(-1);
    if (victim === undefined) throw new Error('the fixture has no layers');
    const dir = path.join(folder, 'out');
    await t.throwsAsync(write(dir, { source: breaking(source, victim, 1), keepGoing: true }));
    const fetched: string[] = [];
    const watching: ImageSource = {
      ...source,
      openBlob: (image, blob, options) => {
        fetched.push(blob.digest);
        return source.openBlob(image, blob, options);
      },
    };
    const use = {
      pack: 'P',
      item: 'I',
      kind: 'script',
      file: 'P/I.yml',
      line: 3,
      column: 5,
      key: 'k',
    } as const;
    const moved = content().volumes.map((volume) =>
      volume.map(({ image }) => ({
        image: { ...image, source: 'registry://mirror.example' },
        usedBy: [use],
      })),
    );
    await write(dir, { source: watching, content: { ...content(), volumes: moved } });
    t.deepEqual(fetched, [victim.digest]);
    t.is((await open(dir)).document.images[0]?.usedBy[0]?.line, 3);
  });
});

test('a lock that lies about an image is found before anything is signed', async (t) => {
  await withBundleFixture(async ({ folder, write, content }) => {
    const volumes = content().volumes.map((volume) =>
      volume.map(({ image, usedBy }) => {
        const layers = image.layers.map((layer) => ({ ...layer, diffId: layer.digest }));
        return { image: { ...image, layers }, usedBy };
      }),
    );
    const dir = path.join(folder, 'out');
    await t.throwsAsync(write(dir, { content: { ...content(), volumes } }), code('E_IMAGE_MALFORMED'));
    t.false((await readdir(dir)).includes('SHA256SUMS.sig'));
  });
});

test('a thousand archives are refused before the first byte', async (t) => {
  await withBundleFixture(async ({ folder, images, write, content }) => {
    const [image] = images;
    if (image === undefined) throw new Error('the fixture has no images');
    const volumes = Array.from({ length: 1000 }, (_, index) => [
      { image: { ...image, reference: `docker.io/demisto/python3:${index}` }, usedBy: [] },
    ]);
    await t.throwsAsync(
      write(path.join(folder, 'out'), { content: { ...content(), volumes } }),
      code('E_IMAGE_TOO_LARGE'),
    );
  });
});
