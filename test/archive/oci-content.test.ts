import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import {
  composedBlobs,
  composeImage,
  composeIndex,
  noise,
  writeOciLayout,
  type NamedImage,
} from '../../bin/demo/sample-images.ts';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import { smallFamily, tempDir } from '../helpers/compose.ts';

const [one, two, three] = smallFamily().composed;
if (one === undefined || two === undefined || three === undefined) throw new Error('no samples');
const arm = composeImage({
  platform: { os: 'linux', architecture: 'arm64' },
  files: [{ path: 'arm', content: noise('arm', 700) }],
});
const both = composeIndex([one, arm]);

async function layout(t: ExecutionContext, images: readonly NamedImage[]): Promise<string> {
  const dir = path.join(await tempDir(t), 'layout');
  await writeOciLayout(dir, images);
  return dir;
}

const sample: readonly NamedImage[] = [
  { reference: 'docker.io/demisto/python3:3.12', image: one },
  { reference: 'docker.io/demisto/python3:3.11', image: two },
  { reference: 'registry.example:5000/demisto/python3:3.10', image: three },
  { reference: 'docker.io/demisto/several:1', image: both },
];

test('repositories are names without their registry, and tags of one repository are joined', async (t) => {
  const content = await ociLayoutContent(await layout(t, sample));
  t.deepEqual(await content.repositories(), ['demisto/python3', 'demisto/several']);
  t.deepEqual(await content.tags('demisto/python3'), ['3.10', '3.11', '3.12']);
  t.deepEqual(await content.tags('demisto/several'), ['1']);
});

test('manifests are served by tag and by digest, with their exact bytes', async (t) => {
  const content = await ociLayoutContent(await layout(t, sample));
  t.deepEqual(await content.manifest('demisto/python3', '3.12'), one.manifest);
  t.deepEqual(await content.manifest('demisto/python3', two.manifest.descriptor.digest), two.manifest);
  t.deepEqual(await content.manifest('demisto/several', '1'), both.index);
  t.deepEqual(await content.manifest('demisto/several', arm.manifest.descriptor.digest), arm.manifest);
});

test('every blob is served, whole and in part', async (t) => {
  const content = await ociLayoutContent(await layout(t, sample));
  for (const { descriptor, bytes } of [one, two, three, both].flatMap(composedBlobs)) {
    const blob = await content.blob('demisto/python3', descriptor.digest);
    t.is(blob?.size, bytes.length);
    if (blob === undefined) continue;
    t.deepEqual(await buffer(blob.open()), bytes);
    t.deepEqual(await buffer(blob.open(10)), bytes.subarray(10));
    t.deepEqual(await buffer(blob.open(10, 20)), bytes.subarray(10, 20));
    t.is((await buffer(blob.open(10, 10))).length, 0);
  }
});

test('what is unknown is undefined', async (t) => {
  const content = await ociLayoutContent(await layout(t, sample));
  const { digest } = one.manifest.descriptor;
  t.is(await content.tags('demisto/other'), undefined);
  t.is(await content.manifest('demisto/other', digest), undefined);
  t.is(await content.manifest('demisto/python3', '9.9'), undefined);
  t.is(await content.manifest('demisto/python3', digestOf('x')), undefined);
  t.is(
    await content.manifest('demisto/python3', one.config.descriptor.digest),
    undefined,
    'a blob is no manifest',
  );
  t.is(await content.blob('demisto/other', digest), undefined);
  t.is(await content.blob('demisto/python3', digestOf('x')), undefined);
});

for (const digest of [
  '../../../index.json',
  'sha256:../../index.json',
  `sha256:${'A'.repeat(64)}`,
  '',
  '/etc/passwd',
]) {
  test(`${JSON.stringify(digest)} is no blob`, async (t) => {
    const content = await ociLayoutContent(await layout(t, sample));
    t.is(await content.blob('demisto/python3', digest as Digest), undefined);
    t.is(await content.manifest('demisto/python3', digest), undefined);
  });
}

test('a link among the blobs is not followed', async (t) => {
  const dir = await layout(t, sample);
  const secret = path.join(dir, '..', 'secret');
  await writeFile(secret, 'outside');
  const digest = digestOf('outside');
  const file = path.join(dir, 'blobs', 'sha256', digest.slice(7));
  await symlink(secret, file);
  const content = await ociLayoutContent(dir);
  t.is(await content.blob('demisto/python3', digest), undefined);

  // A link that takes a file's place after it was looked at.
  await rm(file);
  await writeFile(file, 'outside');
  const blob = await content.blob('demisto/python3', digest);
  await rm(file);
  await symlink(secret, file);
  if (blob === undefined) throw new Error('not served');
  await t.throwsAsync(buffer(blob.open()));
});

test('a platform that was left out of the folder is unknown, the others are served', async (t) => {
  const dir = await layout(t, sample);
  await rm(path.join(dir, 'blobs', 'sha256', arm.manifest.descriptor.digest.slice(7)));
  const content = await ociLayoutContent(dir);
  t.is(await content.manifest('demisto/several', arm.manifest.descriptor.digest), undefined);
  t.deepEqual(await content.manifest('demisto/several', one.manifest.descriptor.digest), one.manifest);
});

test('a damaged manifest is not served', async (t) => {
  const dir = await layout(t, sample);
  const content = await ociLayoutContent(dir);
  const file = path.join(dir, 'blobs', 'sha256', one.manifest.descriptor.digest.slice(7));
  await writeFile(file, (await readFile(file)).toString().toUpperCase());
  await t.throwsAsync(content.manifest('demisto/python3', '3.12'), { code: 'E_DIGEST_MISMATCH' });
});

test('a tag that stands for two images is a conflict', async (t) => {
  const dir = await layout(t, [
    { reference: 'docker.io/demisto/python3:1', image: one },
    { reference: 'registry.example/demisto/python3:1', image: two },
  ]);
  await t.throwsAsync(ociLayoutContent(dir), { code: 'E_TAG_CONFLICT' });
});

test('one image under the same tag of two registries is no conflict', async (t) => {
  const dir = await layout(t, [
    { reference: 'docker.io/demisto/python3:1', image: one },
    { reference: 'registry.example/demisto/python3:1', image: one },
  ]);
  t.deepEqual(await (await ociLayoutContent(dir)).tags('demisto/python3'), ['1']);
});

test('a folder that is no layout cannot be served', async (t) => {
  await t.throwsAsync(ociLayoutContent(await tempDir(t)), { code: 'E_SOURCE_UNREACHABLE' });
});
