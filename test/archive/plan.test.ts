import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import { Parser, type ReadEntry } from 'tar';
import { emitArchive } from '../../src/archive/emit.ts';
import { planArchive } from '../../src/archive/plan.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { blobBytes, opener, runTool, smallFamily, tempDir, type Family } from '../helpers/compose.ts';
import { needing } from '../helpers/system-tools.ts';

async function writeArchive(file: string, { composed, images }: Family): Promise<void> {
  const plan = planArchive(images, { commitRecord: 'first' });
  const archive = emitArchive(plan, { name: 'test', openBlob: opener(blobBytes(composed)) });
  await pipeline(archive, createWriteStream(file));
}

async function membersOf(bytes: Buffer): Promise<Map<string, Buffer>> {
  const members = new Map<string, Buffer>();
  const entries: Promise<void>[] = [];
  const parser = new Parser({ strict: true });
  parser.on('entry', (entry: ReadEntry) => {
    entries.push(entry.concat().then((content) => void members.set(entry.path, content)));
  });
  await new Promise<void>((resolve, reject) => {
    parser.on('end', () => resolve());
    parser.on('error', reject);
    parser.end(bytes);
  });
  await Promise.all(entries);
  return members;
}

async function archiveBytes(family: Family, commitRecord: 'first' | 'last' = 'first'): Promise<Buffer> {
  const plan = planArchive(family.images, { commitRecord });
  return buffer(emitArchive(plan, { name: 'test', openBlob: opener(blobBytes(family.composed)) }));
}

test('node-tar in strict mode reads every member back, each blob once', async (t) => {
  const family = smallFamily();
  const members = await membersOf(await archiveBytes(family));
  const blobs = blobBytes(family.composed);
  t.is(members.size, 3 + blobs.size);
  for (const [digest, bytes] of blobs) {
    t.deepEqual(members.get(`blobs/sha256/${digest.slice('sha256:'.length)}`), bytes);
  }
  t.deepEqual(JSON.parse(String(members.get('oci-layout'))), { imageLayoutVersion: '1.0.0' });
});

test('index.json and manifest.json name every image in full', async (t) => {
  const family = smallFamily();
  const members = await membersOf(await archiveBytes(family));
  const index = JSON.parse(String(members.get('index.json'))) as {
    manifests: { digest: string; annotations: Record<string, string> }[];
  };
  const saved = JSON.parse(String(members.get('manifest.json'))) as {
    Config: string;
    RepoTags: string[];
    Layers: string[];
  }[];
  for (const [at, image] of family.images.entries()) {
    t.like(index.manifests[at], {
      digest: image.manifest.digest,
      annotations: {
        'io.containerd.image.name': image.reference,
        'org.opencontainers.image.ref.name': image.reference,
      },
    });
    const { Config, RepoTags, Layers } = saved[at] ?? { Config: '', RepoTags: [], Layers: [] };
    t.deepEqual(RepoTags, [image.reference]);
    t.is(digestOf(members.get(Config) ?? ''), image.config.digest);
    t.deepEqual(
      Layers.map((name) => digestOf(members.get(name) ?? '')),
      image.layers.map(({ digest }) => digest),
    );
  }
});

test('offsets and size of the plan are those of the bytes', async (t) => {
  const family = smallFamily();
  const bytes = await archiveBytes(family);
  const plan = planArchive(family.images, { commitRecord: 'first' });
  t.is(bytes.length, plan.size);
  for (const entry of plan.entries) {
    const content = bytes.subarray(entry.dataOffset, entry.dataOffset + entry.size);
    if (entry.kind === 'document') t.deepEqual(content, entry.content);
    else t.is(digestOf(content), entry.blob.digest);
  }
});

test('a layer that leaves decompressed has its place by that size, and keeps its name', (t) => {
  const { images } = smallFamily();
  const [layer] = images[0]?.layers ?? [];
  if (layer === undefined) throw new TypeError('the image has a layer');
  const size = 10 * 512;
  const packed = planArchive(images, { commitRecord: 'last' });
  const plain = planArchive(images, { commitRecord: 'last', plainSizes: new Map([[layer.digest, size]]) });
  t.deepEqual(
    plain.entries.map(({ name }) => name),
    packed.entries.map(({ name }) => name),
  );
  t.deepEqual(
    plain.entries
      .filter((entry) => entry.kind === 'blob' && entry.plain !== undefined)
      .map((entry) => entry.size),
    [size],
  );
  t.is(plain.size - packed.size, size - Math.ceil(layer.size / 512) * 512);
});

test('the same images give the same bytes', async (t) => {
  t.deepEqual(await archiveBytes(smallFamily()), await archiveBytes(smallFamily()));
});

test('the commit record stands first in files and last in streams; the size is the same', (t) => {
  const { images } = smallFamily();
  const names = (commitRecord: 'first' | 'last'): string[] =>
    planArchive(images, { commitRecord }).entries.map(({ name }) => name);
  t.deepEqual(names('first').slice(0, 3), ['oci-layout', 'index.json', 'manifest.json']);
  t.deepEqual(names('last').slice(-2), ['index.json', 'manifest.json']);
  t.is(
    planArchive(images, { commitRecord: 'first' }).size,
    planArchive(images, { commitRecord: 'last' }).size,
  );
});

test('one manifest under two names is one image with two names', async (t) => {
  const { composed, images } = smallFamily();
  const [first] = images as [LockedImage];
  const alias = { ...first, reference: 'docker.io/demisto/alias:2' };
  const members = await membersOf(await archiveBytes({ composed, images: [first, alias] }));
  const saved = JSON.parse(String(members.get('manifest.json'))) as { RepoTags: string[] }[];
  t.deepEqual(
    saved.map(({ RepoTags }) => RepoTags),
    [[first.reference, alias.reference]],
  );
  const index = JSON.parse(String(members.get('index.json'))) as { manifests: unknown[] };
  t.is(index.manifests.length, 2);
});

test('an image known by digest only has no name', async (t) => {
  const { composed, images } = smallFamily();
  const [first] = images as [LockedImage];
  const nameless = { ...first, reference: `docker.io/demisto/one@${first.manifest.digest}` };
  const members = await membersOf(await archiveBytes({ composed, images: [nameless] }));
  const saved = JSON.parse(String(members.get('manifest.json'))) as { RepoTags: string[] }[];
  t.deepEqual(saved[0]?.RepoTags, []);
  t.notRegex(String(members.get('index.json')), /annotations/);
});

test('images that disagree about the size of a blob are refused', (t) => {
  const [first, second] = smallFamily().images as [LockedImage, LockedImage];
  const layers = second.layers.map((layer) => ({ ...layer, size: layer.size + 1 }));
  t.throws(() => planArchive([first, { ...second, layers }], { commitRecord: 'first' }), {
    code: 'E_IMAGE_MALFORMED',
    message: /demisto\/two/,
  });
});

test('GNU tar lists the archive', async (t) => {
  const file = path.join(await tempDir(t), 'images.tar');
  const family = smallFamily();
  await writeArchive(file, family);
  const listing = await runTool(t, 'tar', ['-tvf', file]);
  if (listing === undefined) {
    t.pass();
    return;
  }
  const lines = listing.trimEnd().split('\n');
  const expected = planArchive(family.images, { commitRecord: 'first' }).entries.map(
    ({ name, size }) => `-r--r--r-- 0/0 ${size} 1970-01-01 00:00 ${name}`,
  );
  t.deepEqual(
    lines.map((line) => line.replace(/ +/g, ' ')),
    expected,
  );
});

test('skopeo finds every image of the docker-archive', async (t) => {
  const file = path.join(await tempDir(t), 'images.tar');
  const family = smallFamily();
  await writeArchive(file, family);
  for (const { reference, layers } of family.images) {
    const answer = await runTool(t, 'skopeo', ['inspect', '--config', `docker-archive:${file}:${reference}`]);
    if (answer === undefined) {
      t.pass();
      return;
    }
    const config = JSON.parse(answer) as { rootfs: { diff_ids: string[] } };
    t.deepEqual(
      config.rootfs.diff_ids,
      layers.map(({ diffId }) => diffId),
    );
  }
});

// skopeo unpacks an oci-archive with its owners first, which only root may.
test(
  'skopeo finds every image of the oci-archive, under its own digest',
  needing(['skopeo', 'root'], async (t) => {
    const file = path.join(await tempDir(t), 'images.tar');
    const family = smallFamily('oci');
    await writeArchive(file, family);
    for (const { reference, manifest } of family.images) {
      const answer = await runTool(t, 'skopeo', ['inspect', '--raw', `oci-archive:${file}:${reference}`]);
      t.is(answer === undefined ? undefined : digestOf(answer), manifest.digest);
    }
  }),
);

test('two archives written one after the other are the same file', async (t) => {
  const dir = await tempDir(t);
  const [a, b] = [path.join(dir, 'a.tar'), path.join(dir, 'b.tar')];
  await writeArchive(a, smallFamily());
  await writeArchive(b, smallFamily());
  t.deepEqual(await readFile(a), await readFile(b));
});
