import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { noise } from '../../../bin/demo/sample-images.ts';
import { Spool } from '../../../src/archive/save/spool.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import type { Descriptor } from '../../../src/core/image.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import type { SpooledImage } from '../../../src/schema/spool.ts';
import { tempDir } from '../../helpers/compose.ts';

const content = Buffer.concat([Buffer.from('layer '.repeat(1000)), noise('layer', 5000)]);
const diffId = digestOf(content);
const never = (): never => {
  throw new Error('compressed again');
};

async function* streamOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

const files = async (dir: string): Promise<string[]> =>
  (await readdir(dir, { recursive: true })).filter((name) => /[0-9a-f]{16}/.test(name)).sort();

/** An image of one layer, put into the spool. */
async function sample(spool: Spool): Promise<SpooledImage> {
  const layer = await spool.layer(diffId, () => streamOf(content), { name: 'x' });
  const documents = ['config', 'manifest'].map((text) => Buffer.from(text));
  const [config, manifest] = documents.map((bytes) => ({
    mediaType: 'x',
    digest: digestOf(bytes),
    size: bytes.length,
    bytes,
  }));
  if (config === undefined || manifest === undefined) throw new Error('no documents');
  for (const { bytes, ...blob } of [config, manifest]) await spool.put(blob, () => [bytes]);
  return { platform: defaultPlatform, config, manifest, layers: [{ ...layer, diffId }], isKept: false };
}

const id = digestOf('the image');

test('a layer is compressed once, also by another run and by two at the same time', async (t) => {
  const dir = await tempDir(t);
  const spool = await Spool.open(dir);
  let opened = 0;
  const open = (): AsyncIterable<Buffer> => {
    opened += 1;
    return streamOf(content);
  };
  const compress = (): Promise<Descriptor> => spool.layer(diffId, open, { name: 'x' });
  const [one, two] = await Promise.all([compress(), compress()]);
  t.deepEqual(one, two);
  t.is(opened, 1);
  const bytes = await readFile(path.join(dir, 'blobs', 'sha256', one.digest.slice(7)));
  t.is(digestOf(bytes), one.digest);
  t.is(bytes.length, one.size);
  t.true(gunzipSync(bytes).equals(content));
  t.deepEqual(await (await Spool.open(dir)).layer(diffId, never, { name: 'x' }), one);
});

test('content that is not what its diff ID says leaves nothing behind', async (t) => {
  const dir = await tempDir(t);
  const spool = await Spool.open(dir);
  const layer = spool.layer(diffId, () => streamOf(Buffer.from('other')), { name: 'x.tar: layer' });
  const error = await t.throwsAsync(layer, { instanceOf: PackferryError, code: 'E_DIGEST_MISMATCH' });
  t.true(error.message.includes('x.tar'), error.message);
  t.deepEqual(await files(dir), []);
});

test('an image is known while all its blobs are whole', async (t) => {
  const dir = await tempDir(t);
  const spool = await Spool.open(dir);
  const image = await sample(spool);
  t.is(await spool.image(id, defaultPlatform), undefined);
  await spool.nameImage(id, defaultPlatform, image);
  t.like(await (await Spool.open(dir)).image(id, defaultPlatform), { layers: image.layers });
  t.is(await spool.image(id, { os: 'linux', architecture: 'arm64' }), undefined);

  // A bad sector, or a hand that changed it: the length says nothing.
  const file = path.join(dir, 'blobs', 'sha256', image.layers[0]?.digest.slice(7) ?? '');
  const bytes = await readFile(file);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const later = await Spool.open(dir);
  t.is(await later.image(id, defaultPlatform), undefined);
  await later.layer(diffId, () => streamOf(content), { name: 'x' });
  t.like(await later.image(id, defaultPlatform), { layers: image.layers });
});

test('a blob that is there is not even opened again', async (t) => {
  const spool = await Spool.open(await tempDir(t));
  const { manifest } = await sample(spool);
  await t.notThrowsAsync(spool.put(manifest, never));
});

test('a note that cannot be read is none', async (t) => {
  const dir = await tempDir(t);
  const spool = await Spool.open(dir);
  await spool.nameImage(id, defaultPlatform, await sample(spool));
  const [note = ''] = await readdir(path.join(dir, 'images'));
  for (const text of ['', '{', '[]', '{"layers":[{"digest":"../../etc/passwd"}]}', 'x'.repeat(2_000_000)]) {
    await writeFile(path.join(dir, 'images', note), text);
    t.is(await spool.image(id, defaultPlatform), undefined);
  }
});

test('one digit that changed in a note is noticed: a note is no blob, whose name proves it', async (t) => {
  const dir = await tempDir(t);
  const spool = await Spool.open(dir);
  const { layers } = await sample(spool);
  await spool.nameImage(id, defaultPlatform, await sample(spool));
  const [layer] = layers;
  for (const [kind, digit] of [
    ['images', layer?.diffId ?? ''],
    ['layers', layer?.mediaType ?? ''],
  ] as const) {
    const [note = ''] = await readdir(path.join(dir, kind));
    const file = path.join(dir, kind, note);
    const text = await readFile(file, 'utf8');
    t.true(text.includes(digit));
    await writeFile(
      file,
      text.replace(
        digit,
        digit.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      ),
    );
  }
  t.is(await spool.image(id, defaultPlatform), undefined);
  const again = await spool.layer(diffId, () => streamOf(content), { name: 'x' });
  t.like(again, { mediaType: layer?.mediaType, digest: layer?.digest });
});

test('what nobody used for a week is removed on opening, what was used stays', async (t) => {
  const dir = await tempDir(t);
  const spool = await Spool.open(dir);
  await spool.nameImage(id, defaultPlatform, await sample(spool));
  const all = await files(dir);
  t.is(all.length, 5);
  const day = 24 * 3600;
  const ago = async (days: number, names: readonly string[]): Promise<void> => {
    const time = Date.now() / 1000 - days * day;
    for (const name of names) await utimes(path.join(dir, name), time, time);
  };
  await ago(6, all);
  t.not(await (await Spool.open(dir)).image(id, defaultPlatform), undefined);
  // That was use: two days later, eight after it was made, it is still there.
  t.deepEqual(await files((await Spool.open(dir, Date.now() + 2 * day * 1000)).dir), all.sort());

  await writeFile(path.join(dir, 'foreign.txt'), 'kept');
  await ago(8, [...all, 'foreign.txt']);
  await Spool.open(dir);
  t.deepEqual(await files(dir), []);
  t.is(await readFile(path.join(dir, 'foreign.txt'), 'utf8'), 'kept');
});

test('unfinished files of dead runs go after a day, those of living ones stay', async (t) => {
  const dir = await tempDir(t);
  const spool = await Spool.open(dir);
  const [dead, living] = [spool.temporaryFile(), spool.temporaryFile()];
  await writeFile(dead, 'x');
  await writeFile(living, 'x');
  const time = Date.now() / 1000 - 25 * 3600;
  await utimes(dead, time, time);
  await Spool.open(dir);
  t.deepEqual(await files(dir), [path.basename(living)]);
});
