import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { writeOciLayout } from '../../bin/demo/sample-images.ts';
import { openOciLayout } from '../../src/archive/oci-layout.ts';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import { digestOf } from '../../src/core/digest.ts';
import { blobsOf, totalSize, type LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { blobBytes, memorySource, runTool, smallFamily, tempDir } from '../helpers/compose.ts';

const { composed, images } = smallFamily();
const [one, two] = images as [LockedImage, LockedImage, LockedImage];
const blobs = blobBytes(composed);

async function newDir(t: ExecutionContext): Promise<string> {
  return path.join(await tempDir(t), 'deep', 'layout');
}

const blobsIn = (dir: string): Promise<string[]> => readdir(path.join(dir, 'blobs', 'sha256'));

const namesIn = (family: readonly LockedImage[]): string[] =>
  [...new Set(family.flatMap(blobsOf).map(({ digest }) => digest.slice(7)))].sort();

test('what is delivered is confirmed, surveyed as present, and read back the same', async (t) => {
  const dir = await newDir(t);
  const target = await openOciTarget(dir);
  t.is(target.name, `oci:${dir}`);
  t.deepEqual(
    await target.survey(images),
    images.map(() => ({ state: 'absent' as const })),
  );
  for (const image of images) {
    await target.deliver(image, memorySource(blobs));
    t.deepEqual(await target.confirm(image), { confirmed: true, id: image.config.digest });
  }
  t.deepEqual(
    await target.survey(images),
    images.map(() => ({ state: 'present' as const })),
  );
  t.deepEqual((await blobsIn(dir)).sort(), namesIn(images));

  const source = await openOciLayout(dir);
  for (const image of images) {
    const found = await source.resolve(parseReference(image.reference), defaultPlatform);
    t.deepEqual(found, { ...image, source: `oci:${dir}` });
  }
});

test('opening and surveying write nothing', async (t) => {
  const parent = await tempDir(t);
  const missing = await openOciTarget(path.join(parent, 'deep', 'layout'));
  t.deepEqual(await missing.survey([one]), [{ state: 'absent' }]);
  t.deepEqual(await readdir(parent), []);
  const empty = await openOciTarget(parent);
  t.deepEqual(await empty.survey([one]), [{ state: 'absent' }]);
  t.deepEqual(await readdir(parent), []);
});

test('from folder to folder', async (t) => {
  const from = await newDir(t);
  await writeOciLayout(
    from,
    composed.map((image, at) => ({ reference: images[at]?.reference ?? '', image })),
  );
  const source = await openOciLayout(from);
  const target = await openOciTarget(await newDir(t));
  for (const { reference } of images) {
    const image = await source.resolve(parseReference(reference), defaultPlatform);
    await target.deliver(image, source);
    t.true((await target.confirm(image)).confirmed);
  }
});

test('only missing blobs are sent, and both kinds are counted', async (t) => {
  const target = await openOciTarget(await newDir(t));
  const all = totalSize(blobsOf(one));
  const counts: number[] = [];
  const onBytes = (bytes: number): void => void counts.push(bytes);
  t.deepEqual(await target.deliver(one, memorySource(blobs), { onBytes }), {
    bytesSent: all,
    bytesSkipped: 0,
  });
  t.is(counts.at(-1), all);
  t.deepEqual(
    counts,
    [...counts].sort((a, b) => a - b),
  );

  const source = memorySource(blobs);
  const base = one.layers[0]?.size ?? 0;
  t.deepEqual(await target.deliver(two, source), {
    bytesSent: totalSize(blobsOf(two)) - base,
    bytesSkipped: base,
  });
  t.false(source.opened.includes(one.layers[0]?.digest ?? ''));
  t.deepEqual(await target.deliver(two, memorySource(new Map())), {
    bytesSent: 0,
    bytesSkipped: totalSize(blobsOf(two)),
  });
});

test('images delivered at the same time share their blobs and keep each other in index.json', async (t) => {
  const dir = await newDir(t);
  const target = await openOciTarget(dir);
  const source = memorySource(blobs);
  await Promise.all(images.map((image) => target.deliver(image, source)));
  for (const image of images) t.true((await target.confirm(image)).confirmed);
  t.deepEqual([...source.opened].sort(), [...blobs.keys()].sort());
  t.deepEqual((await blobsIn(dir)).sort(), namesIn(images));
});

test('a second delivery changes nothing on the disk', async (t) => {
  const dir = await newDir(t);
  const target = await openOciTarget(dir);
  for (const image of images) await target.deliver(image, memorySource(blobs));
  const before = await readFile(path.join(dir, 'index.json'));
  const again = await openOciTarget(dir);
  for (const image of images) await again.deliver(image, memorySource(new Map()));
  t.deepEqual(await readFile(path.join(dir, 'index.json')), before);
});

const lie = test.macro({
  async exec(t, change: (content: Buffer) => Buffer, code: string) {
    const dir = await newDir(t);
    const target = await openOciTarget(dir);
    for (const { digest } of blobsOf(one)) {
      const lying = new Map(blobs).set(digest, change(Buffer.from(blobs.get(digest) ?? '')));
      await t.throwsAsync(target.deliver(one, memorySource(lying)), { code });
      t.false((await blobsIn(dir)).includes(digest.slice(7)));
      t.false((await target.confirm(one)).confirmed);
      t.like(await target.survey([one]), { 0: { state: 'absent' } });
    }
    t.deepEqual(
      (await blobsIn(dir)).filter((name) => name.endsWith('.part')),
      [],
    );
    await target.deliver(one, memorySource(blobs));
    t.true((await target.confirm(one)).confirmed);
  },
  title: (what) => `a blob that is ${what} never gets its name, and the next try succeeds`,
});
test('changed', lie, (content) => content.fill(0, 0, 1), 'E_DIGEST_MISMATCH');
test('short', lie, (content) => content.subarray(1), 'E_SIZE_MISMATCH');
test('long', lie, (content) => Buffer.concat([content, content]), 'E_SIZE_MISMATCH');

test('one of two deliveries of a blob fails, the other goes on', async (t) => {
  const target = await openOciTarget(await newDir(t));
  const [failed, done] = await Promise.allSettled([
    target.deliver(one, memorySource(new Map())),
    target.deliver(two, memorySource(blobs)),
  ]);
  t.is(failed.status, 'rejected');
  t.is(done.status, 'fulfilled');
  t.true((await target.confirm(two)).confirmed);
});

test('an abort ends a delivery from a source that hangs, and closes the source', async (t) => {
  const dir = await newDir(t);
  const target = await openOciTarget(dir);
  const controller = new AbortController();
  const hung = new Readable({ read: () => controller.abort() });
  const source: ImageSource = { ...memorySource(blobs), openBlob: () => Promise.resolve(hung) };
  await t.throwsAsync(target.deliver(one, source, { signal: controller.signal }), { name: 'AbortError' });
  t.true(hung.destroyed);
  t.deepEqual(await blobsIn(dir), []);
});

test('a name that stands for another image is a conflict; delivering moves it', async (t) => {
  const target = await openOciTarget(await newDir(t));
  await target.deliver(one, memorySource(blobs));
  const moved = { ...two, reference: one.reference };
  const [conflict, absent] = await target.survey([moved, two]);
  t.like(conflict, { state: 'conflict', holder: one.manifest.digest });
  const shared = one.layers.filter((layer) => two.layers.some(({ digest }) => digest === layer.digest));
  t.is(shared.length, 1);
  t.deepEqual(absent, { state: 'absent', held: new Set(shared.map(({ digest }) => digest)) });
  await target.deliver(moved, memorySource(blobs));
  t.true((await target.confirm(moved)).confirmed);
  t.false((await target.confirm(one)).confirmed);
});

test('an image known by digest only is delivered and confirmed', async (t) => {
  const target = await openOciTarget(await newDir(t));
  const image = { ...one, reference: `docker.io/demisto/one@${one.manifest.digest}` };
  await target.deliver(image, memorySource(blobs));
  t.true((await target.confirm(image)).confirmed);
  t.like(await target.survey([image, one]), { 0: { state: 'present' }, 1: { state: 'absent' } });
});

const damaged = test.macro({
  async exec(
    t,
    pick: (image: LockedImage) => { digest: string } | undefined,
    change: (file: string) => Promise<unknown>,
  ) {
    const dir = await newDir(t);
    const target = await openOciTarget(dir);
    await target.deliver(one, memorySource(blobs));
    await change(path.join(dir, 'blobs', 'sha256', pick(one)?.digest.slice(7) ?? ''));
    t.false((await target.confirm(one)).confirmed);
  },
  title: (what) => `not confirmed: ${what}`,
});
const flip = async (file: string): Promise<void> => {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
  await writeFile(file, bytes);
};
const shorten = async (file: string): Promise<void> => writeFile(file, (await readFile(file)).subarray(1));
test('the manifest is changed', damaged, ({ manifest }) => manifest, flip);
test('the configuration is changed', damaged, ({ config }) => config, flip);
test(
  'the manifest is missing',
  damaged,
  ({ manifest }) => manifest,
  (file) => rm(file),
);
test(
  'a layer is missing',
  damaged,
  ({ layers }) => layers[1],
  (file) => rm(file),
);
test('a layer is short', damaged, ({ layers }) => layers[0], shorten);

const fileOf = (dir: string, digest: string | undefined): string =>
  path.join(dir, 'blobs', 'sha256', digest?.slice(7) ?? '');

test('a layer that was corrupted in place is neither present nor confirmed, and is written anew', async (t) => {
  const dir = await newDir(t);
  await (await openOciTarget(dir)).deliver(one, memorySource(blobs));
  const [, layer] = one.layers;
  await flip(fileOf(dir, layer?.digest));

  const again = await openOciTarget(dir);
  t.false((await again.confirm(one)).confirmed);
  const [presence] = await again.survey([one]);
  const whole = blobsOf(one).filter(({ digest }) => digest !== layer?.digest);
  t.deepEqual(presence, { state: 'absent', held: new Set(whole.map(({ digest }) => digest)) });
  const source = memorySource(blobs);
  t.is((await again.deliver(one, source)).bytesSent, layer?.size ?? 0);
  t.deepEqual(source.opened, [layer?.digest]);
  t.true((await again.confirm(one)).confirmed);
  t.deepEqual(await readFile(fileOf(dir, layer?.digest)), blobs.get(layer?.digest ?? ''));
});

test('wrong blobs of the right length that wait in an empty layout are not taken for the image', async (t) => {
  const dir = await newDir(t);
  await mkdir(path.join(dir, 'blobs', 'sha256'), { recursive: true });
  await writeFile(path.join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  for (const { digest, size } of blobsOf(one)) await writeFile(fileOf(dir, digest), Buffer.alloc(size, 'x'));
  const target = await openOciTarget(dir);
  t.is((await target.deliver(one, memorySource(blobs))).bytesSkipped, 0);
  for (const { digest } of blobsOf(one)) t.is(digestOf(await readFile(fileOf(dir, digest))), digest);
});

test('an abort ends the hashing of blobs that are there', async (t) => {
  const dir = await newDir(t);
  await (await openOciTarget(dir)).deliver(one, memorySource(blobs));
  const again = await openOciTarget(dir);
  const reason = new Error('enough');
  const controller = new AbortController();
  const surveying = again.survey([one], controller.signal);
  const confirming = again.confirm(one, controller.signal);
  controller.abort(reason);
  t.is(await t.throwsAsync(surveying), reason);
  t.is(await t.throwsAsync(confirming), reason);
});

test('not confirmed: the lock says other things than the documents', async (t) => {
  const target = await openOciTarget(await newDir(t));
  await target.deliver(one, memorySource(blobs));
  await target.deliver(two, memorySource(blobs));
  t.false((await target.confirm({ ...one, config: two.config })).confirmed);
  t.false((await target.confirm({ ...one, layers: two.layers })).confirmed);
  const layers = one.layers.map((layer) => ({ ...layer, diffId: digestOf('x') }));
  t.false((await target.confirm({ ...one, layers })).confirmed);
});

test('entries and fields of others stay in index.json', async (t) => {
  const dir = await newDir(t);
  await (await openOciTarget(dir)).deliver(two, memorySource(blobs));
  const foreign = {
    mediaType: 'application/vnd.example+json',
    digest: digestOf('x'),
    size: 1,
    artifactType: 'x/y',
    platform: { os: 'linux', architecture: 'arm', 'os.features': ['a'] },
    annotations: { 'org.opencontainers.image.ref.name': 'latest' },
  };
  const index = { schemaVersion: 2, manifests: [foreign], annotations: { a: 'b' }, other: { c: 1 } };
  await writeFile(path.join(dir, 'index.json'), JSON.stringify(index));
  const target = await openOciTarget(dir);
  await target.deliver(one, memorySource(blobs));
  const after = JSON.parse(await readFile(path.join(dir, 'index.json'), 'utf8')) as typeof index;
  t.like(after, { annotations: index.annotations, other: index.other });
  t.deepEqual(after.manifests[0], foreign);
  t.is(after.manifests.length, 2);
});

test('leftovers of a run that was cut off are ignored, and removed by the first delivery', async (t) => {
  const dir = await newDir(t);
  await mkdir(path.join(dir, 'blobs', 'sha256'), { recursive: true });
  await writeFile(path.join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const leftover = `.packferry-${'0'.repeat(16)}.part`;
  await writeFile(path.join(dir, leftover), '{"imageLay');
  await writeFile(path.join(dir, 'blobs', 'sha256', leftover), 'half a blob');
  await writeFile(path.join(dir, '.packferry-notes'), 'of somebody else');
  const target = await openOciTarget(dir);
  t.deepEqual(await target.survey([one]), [{ state: 'absent', held: new Set() }]);
  t.true((await readdir(dir)).includes(leftover));
  await target.deliver(one, memorySource(blobs));
  t.true((await target.confirm(one)).confirmed);
  t.deepEqual((await readdir(dir)).sort(), ['.packferry-notes', 'blobs', 'index.json', 'oci-layout']);
  t.deepEqual((await blobsIn(dir)).sort(), namesIn([one]));
});

test('a folder that was cut off before index.json is taken up', async (t) => {
  const dir = await newDir(t);
  await mkdir(dir, { recursive: true });
  await writeFile(path.join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const target = await openOciTarget(dir);
  await target.deliver(one, memorySource(blobs));
  t.true((await target.confirm(one)).confirmed);
});

test('a folder that holds something else is refused and left as it is', async (t) => {
  const dir = await tempDir(t);
  await writeFile(path.join(dir, 'thesis.txt'), 'x');
  await t.throwsAsync(openOciTarget(dir), { code: 'E_TARGET_UNWRITABLE' });
  t.deepEqual(await readdir(dir), ['thesis.txt']);
});

test('a file where the folder should be is refused', async (t) => {
  const file = path.join(await tempDir(t), 'file');
  await writeFile(file, 'x');
  await t.throwsAsync(openOciTarget(file), { code: 'E_TARGET_UNWRITABLE' });
});

test('a disk that does not take the blob is the fault of the target, and the source is closed', async (t) => {
  const dir = await newDir(t);
  const target = await openOciTarget(dir);
  const endless = new Readable({ read: () => undefined });
  const openBlob = async (): Promise<Readable> => {
    await rm(path.join(dir, 'blobs'), { recursive: true });
    return endless;
  };
  const source: ImageSource = { ...memorySource(blobs), openBlob };
  await t.throwsAsync(target.deliver(one, source), { code: 'E_TARGET_UNWRITABLE' });
  if (!endless.closed) await once(endless, 'close').catch(() => undefined);
  t.true(endless.destroyed);
});

test('skopeo finds what was delivered', async (t) => {
  const family = smallFamily('oci');
  const dir = await newDir(t);
  const target = await openOciTarget(dir);
  for (const image of family.images) await target.deliver(image, memorySource(blobBytes(family.composed)));
  for (const { reference, manifest } of family.images) {
    const raw = await runTool(t, 'skopeo', ['inspect', '--raw', `oci:${dir}:${reference}`]);
    t.is(raw === undefined ? manifest.digest : digestOf(raw), manifest.digest);
  }
});
