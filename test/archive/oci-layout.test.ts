import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { composeImage, composeIndex, layersOf, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { openOciLayout } from '../../src/archive/oci-layout.ts';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { defaultPlatform, parsePlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import { lockComposed, runTool, smallFamily, tempDir } from '../helpers/compose.ts';

const { composed, images } = smallFamily();
const [first] = composed;
const [firstLocked] = images;
if (first === undefined || firstLocked === undefined) throw new Error('no samples');

const arm = parsePlatform('linux/arm64');
const forArm = composeImage({ platform: arm, files: [{ path: 'arm', content: noise('arm', 900) }] });
const several = composeIndex([forArm, first]);

async function sampleLayout(t: ExecutionContext): Promise<string> {
  const dir = path.join(await tempDir(t), 'layout');
  const named = composed.map((image, at) => ({ reference: images[at]?.reference ?? '', image }));
  await writeOciLayout(dir, [...named, { reference: 'docker.io/demisto/several:1', image: several }]);
  return dir;
}

async function resolve(dir: string, reference: string, platform = defaultPlatform): Promise<LockedImage> {
  const source = await openOciLayout(dir);
  return source.resolve(parseReference(reference), platform);
}

/** Writes a document as a blob and gives its descriptor. */
async function putBlob(
  dir: string,
  mediaType: string,
  value: unknown,
): Promise<{ mediaType: string; digest: Digest; size: number }> {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = digestOf(bytes);
  await mkdir(path.join(dir, 'blobs', 'sha256'), { recursive: true });
  await writeFile(path.join(dir, 'blobs', 'sha256', digest.slice(7)), bytes);
  return { mediaType, digest, size: bytes.length };
}

async function putIndex(dir: string, manifests: unknown): Promise<void> {
  await writeFile(path.join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(path.join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

test('every image is found by its full name, as it was composed', async (t) => {
  const dir = await sampleLayout(t);
  for (const expected of images) {
    t.deepEqual(await resolve(dir, expected.reference), { ...expected, source: `oci:${dir}` });
  }
});

test('a short name means Docker Hub', async (t) => {
  const image = await resolve(await sampleLayout(t), 'demisto/one:1.0');
  t.is(image.reference, firstLocked.reference);
});

test('an index gives the image of the platform that is asked for', async (t) => {
  const dir = await sampleLayout(t);
  const reference = 'docker.io/demisto/several:1';
  t.is((await resolve(dir, reference, arm)).manifest.digest, forArm.manifest.descriptor.digest);
  t.deepEqual(await resolve(dir, reference), { ...lockComposed(reference, first), source: `oci:${dir}` });
});

test('a digest is found wherever it stands: a manifest, an index, a manifest inside an index', async (t) => {
  const dir = await sampleLayout(t);
  const find = async (digest: Digest, platform = defaultPlatform): Promise<string> =>
    (await resolve(dir, `any.example/name@${digest}`, platform)).manifest.digest;
  t.is(await find(firstLocked.manifest.digest), firstLocked.manifest.digest);
  t.is(await find(several.index.descriptor.digest), firstLocked.manifest.digest);
  t.is(await find(forArm.manifest.descriptor.digest, arm), forArm.manifest.descriptor.digest);
});

const refused = test.macro({
  async exec(t, reference: string, platform: string, code: ErrorCode) {
    const dir = await sampleLayout(t);
    await t.throwsAsync(resolve(dir, reference, parsePlatform(platform)), { code });
  },
  title: (what) => `not found: ${what}`,
});
test('another tag', refused, 'demisto/one:2.0', 'linux/amd64', 'E_IMAGE_NOT_FOUND');
test('another registry', refused, 'quay.io/demisto/one:1.0', 'linux/amd64', 'E_IMAGE_NOT_FOUND');
const otherDigest = digestOf('other');
test('another digest', refused, `demisto/one@${otherDigest}`, 'linux/amd64', 'E_IMAGE_NOT_FOUND');
test(
  'its tag, but with another digest',
  refused,
  `demisto/one:1.0@${otherDigest}`,
  'linux/amd64',
  'E_IMAGE_NOT_FOUND',
);
test('another platform of an index', refused, 'demisto/several:1', 'linux/s390x', 'E_PLATFORM_NOT_FOUND');
test('another platform of a single image', refused, 'demisto/one:1.0', 'linux/arm64', 'E_PLATFORM_NOT_FOUND');

test('blobs are read whole, and from any byte on', async (t) => {
  const dir = await sampleLayout(t);
  const source = await openOciLayout(dir);
  for (const { descriptor, bytes } of [first.manifest, first.config, ...first.layers]) {
    t.deepEqual(await buffer(await source.openBlob(firstLocked, descriptor)), bytes);
    const rest = await buffer(await source.openBlob(firstLocked, descriptor, { from: 100 }));
    t.deepEqual(rest, bytes.subarray(100));
    const nothing = await source.openBlob(firstLocked, descriptor, { from: bytes.length });
    t.is((await buffer(nothing)).length, 0);
  }
});

test('an aborted read ends with an error', async (t) => {
  const source = await openOciLayout(await sampleLayout(t));
  const signal = AbortSignal.abort();
  const content = await source.openBlob(firstLocked, firstLocked.config, { signal });
  await t.throwsAsync(buffer(content), { name: 'AbortError' });
});

const oddBlob = test.macro({
  async exec(t, change: (file: string) => Promise<unknown>) {
    const dir = await sampleLayout(t);
    const [layer] = firstLocked.layers;
    if (layer === undefined) throw new Error('no layer');
    await change(path.join(dir, 'blobs', 'sha256', layer.digest.slice(7)));
    const source = await openOciLayout(dir);
    await t.throwsAsync(source.openBlob(firstLocked, layer), { code: 'E_IMAGE_MALFORMED' });
  },
  title: (what) => `a blob is not opened when it is ${what}`,
});
test('missing', oddBlob, (file) => rm(file));
test('too short', oddBlob, (file) => writeFile(file, 'x'));
test('a link, even to the right content', oddBlob, async (file) => {
  await rename(file, `${file}.elsewhere`);
  await symlink(`${file}.elsewhere`, file);
});
test('a folder', oddBlob, async (file) => {
  await rm(file);
  await mkdir(file);
});

const noLayout = test.macro({
  async exec(t, prepare: (dir: string) => Promise<unknown>, code: ErrorCode) {
    const dir = await tempDir(t);
    await prepare(dir);
    await t.throwsAsync(openOciLayout(dir), { code });
  },
  title: (what) => `no layout to read from: ${what}`,
});
test('an empty folder', noLayout, () => Promise.resolve(), 'E_SOURCE_UNREACHABLE');
test('a folder that is gone', noLayout, (dir) => rm(dir, { recursive: true }), 'E_SOURCE_UNREACHABLE');
test(
  'only index.json',
  noLayout,
  (dir) => writeFile(path.join(dir, 'index.json'), '{}'),
  'E_SOURCE_UNREACHABLE',
);
const newer = '{"imageLayoutVersion":"2.0.0"}';
test(
  'a newer layout',
  noLayout,
  (dir) => writeFile(path.join(dir, 'oci-layout'), newer),
  'E_IMAGE_MALFORMED',
);
test(
  'a digest that leads out of the folder',
  noLayout,
  (dir) =>
    putIndex(dir, [{ mediaType: mediaTypes.ociManifest, digest: 'sha256:../../../etc/passwd', size: 1 }]),
  'E_IMAGE_MALFORMED',
);
test(
  'an index with a key twice',
  noLayout,
  async (dir) => {
    await putIndex(dir, []);
    await writeFile(path.join(dir, 'index.json'), '{"schemaVersion":2,"manifests":[],"Manifests":[]}');
  },
  'E_JSON_INVALID',
);

interface Documents {
  manifest: Record<string, unknown>;
  config: Record<string, unknown>;
}

const malformed = test.macro({
  async exec(
    t,
    change: (documents: Documents) => void,
    code: ErrorCode,
    manifestType: string = mediaTypes.ociManifest,
  ) {
    const dir = await tempDir(t);
    const documents: Documents = {
      manifest: { schemaVersion: 2, mediaType: mediaTypes.ociManifest, layers: layersOf(first) },
      config: {
        os: 'linux',
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: layersOf(first).map(({ diffId }) => diffId) },
      },
    };
    change(documents);
    const config = await putBlob(dir, mediaTypes.ociConfig, documents.config);
    const manifest = await putBlob(dir, manifestType, { config, ...documents.manifest });
    const annotations = { 'org.opencontainers.image.ref.name': 'docker.io/x/y:1' };
    await putIndex(dir, [{ ...manifest, annotations }]);
    await t.throwsAsync(resolve(dir, 'docker.io/x/y:1'), { code });
  },
  title: (what) => `refused: ${what}`,
});
test(
  'a manifest that calls itself an index',
  malformed,
  ({ manifest }) => (manifest['mediaType'] = mediaTypes.ociIndex),
  'E_IMAGE_MALFORMED',
);
test('a manifest served as an index', malformed, () => undefined, 'E_IMAGE_MALFORMED', mediaTypes.ociIndex);
test(
  'fewer diff IDs than layers',
  malformed,
  ({ config }) => (config['rootfs'] = { type: 'layers', diff_ids: [] }),
  'E_IMAGE_MALFORMED',
);
test(
  'a configuration without a platform',
  malformed,
  ({ config }) => delete config['os'],
  'E_IMAGE_MALFORMED',
);
test(
  'a layer that is kept elsewhere',
  malformed,
  ({ manifest }) => {
    manifest['layers'] = layersOf(first).map((layer) => ({
      ...layer,
      mediaType: mediaTypes.dockerForeignLayer,
    }));
  },
  'E_LAYER_FOREIGN',
);
test(
  'a layer that has URLs',
  malformed,
  ({ manifest }) => {
    manifest['layers'] = layersOf(first).map((layer) => ({ ...layer, urls: ['https://x.example/layer'] }));
  },
  'E_LAYER_FOREIGN',
);
test('schema version 1', malformed, ({ manifest }) => (manifest['schemaVersion'] = 1), 'E_IMAGE_MALFORMED');
test(
  'a manifest over the limit',
  malformed,
  ({ manifest }) => (manifest['x'] = 'x'.repeat(5 * 1024 * 1024)),
  'E_LIMIT_EXCEEDED',
);

test('a manifest whose bytes were changed is refused', async (t) => {
  const dir = await sampleLayout(t);
  const file = path.join(dir, 'blobs', 'sha256', firstLocked.manifest.digest.slice(7));
  const bytes = await readFile(file);
  await writeFile(file, bytes.toString().replace('"schemaVersion":2', '"schemaVersion":3'));
  await t.throwsAsync(resolve(dir, firstLocked.reference), { code: 'E_DIGEST_MISMATCH' });
  await writeFile(file, bytes.subarray(1));
  await t.throwsAsync(resolve(dir, firstLocked.reference), { code: 'E_SIZE_MISMATCH' });
});

test('an attestation beside an image is passed over', async (t) => {
  const dir = await sampleLayout(t);
  const empty = await putBlob(dir, 'application/vnd.oci.empty.v1+json', {});
  const attestation = await putBlob(dir, mediaTypes.ociManifest, {
    schemaVersion: 2,
    config: empty,
    layers: [],
  });
  const manifests = [attestation, first.manifest.descriptor];
  const index = await putBlob(dir, mediaTypes.ociIndex, { schemaVersion: 2, manifests });
  await putIndex(dir, [{ ...index, annotations: { 'io.containerd.image.name': 'docker.io/x/y:1' } }]);
  t.is((await resolve(dir, 'x/y:1')).manifest.digest, firstLocked.manifest.digest);
});

test('attestations as BuildKit writes them are passed over, also in an index inside an index', async (t) => {
  const dir = await sampleLayout(t);
  const config = await putBlob(dir, mediaTypes.ociConfig, {
    ...{ os: 'unknown', architecture: 'unknown', rootfs: { type: 'layers', diff_ids: [] } },
  });
  const proof = await putBlob(dir, mediaTypes.ociManifest, { schemaVersion: 2, config, layers: [] });
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
  const manifests = [
    { ...proof, platform: { os: 'linux', architecture: 'amd64' }, annotations },
    { ...proof, platform: { os: 'unknown', architecture: 'unknown' } },
    { ...first.manifest.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
  ];
  const inner = await putBlob(dir, mediaTypes.ociIndex, { schemaVersion: 2, manifests });
  const outer = await putBlob(dir, mediaTypes.ociIndex, { schemaVersion: 2, manifests: [inner] });
  await putIndex(dir, [{ ...outer, annotations: { 'io.containerd.image.name': 'docker.io/x/y:1' } }]);
  t.is((await resolve(dir, 'x/y:1')).manifest.digest, firstLocked.manifest.digest);
  const error = await t.throwsAsync(resolve(dir, 'x/y:1', arm), { code: 'E_PLATFORM_NOT_FOUND' });
  t.regex(error.message, /there is linux\/amd64$/);
});

test('indexes nested without end are refused', async (t) => {
  const dir = await tempDir(t);
  let entry = await putBlob(dir, mediaTypes.ociManifest, {});
  for (let level = 0; level < 20; level += 1) {
    entry = await putBlob(dir, mediaTypes.ociIndex, { schemaVersion: 2, manifests: [entry] });
  }
  await putIndex(dir, [{ ...entry, annotations: { 'io.containerd.image.name': 'docker.io/x/y:1' } }]);
  await t.throwsAsync(resolve(dir, 'x/y:1'), { code: 'E_IMAGE_MALFORMED' });
});

test('an index that is named again and again is read once', async (t) => {
  const dir = await tempDir(t);
  let entry = await putBlob(dir, mediaTypes.ociIndex, { schemaVersion: 2, manifests: [] });
  for (let level = 0; level < 6; level += 1) {
    const manifests = Array.from({ length: 50 }, () => entry);
    entry = await putBlob(dir, mediaTypes.ociIndex, { schemaVersion: 2, manifests });
  }
  await putIndex(dir, [{ ...entry, annotations: { 'io.containerd.image.name': 'docker.io/x/y:1' } }]);
  await t.throwsAsync(resolve(dir, 'x/y:1'), { code: 'E_PLATFORM_NOT_FOUND' });
});

test('what Go programs write for absent fields is taken for absent', async (t) => {
  const dir = await sampleLayout(t);
  const nulls = { platform: null, annotations: null };
  const index = await putBlob(dir, mediaTypes.ociIndex, {
    schemaVersion: 2,
    manifests: [
      { ...first.manifest.descriptor, platform: { os: 'linux', architecture: 'amd64', variant: '' } },
    ],
  });
  const annotations = { 'io.containerd.image.name': 'docker.io/x/y:1' };
  await putIndex(dir, [
    { ...forArm.manifest.descriptor, ...nulls },
    { ...index, platform: { os: '', architecture: '' }, annotations },
  ]);
  t.deepEqual((await resolve(dir, 'x/y:1')).platform, defaultPlatform);
});

test('a bare tag as ref.name names no image', async (t) => {
  const dir = await sampleLayout(t);
  const annotations = { 'org.opencontainers.image.ref.name': 'one' };
  await putIndex(dir, [{ ...first.manifest.descriptor, annotations }]);
  await t.throwsAsync(resolve(dir, 'one:latest'), { code: 'E_IMAGE_NOT_FOUND' });
});

test('a layout that skopeo wrote is read', async (t) => {
  const dir = await tempDir(t);
  const from = path.join(dir, 'from');
  const to = path.join(dir, 'to');
  const image = composeImage({ format: 'oci', files: [{ path: 'a', content: noise('a', 2000) }] });
  const reference = 'docker.io/demisto/skopeo:1';
  await writeOciLayout(from, [{ reference, image }]);
  const copied = await runTool(t, 'skopeo', ['copy', `oci:${from}:${reference}`, `oci:${to}:${reference}`]);
  if (copied === undefined) {
    t.pass();
    return;
  }
  t.deepEqual(await resolve(to, reference), { ...lockComposed(reference, image), source: `oci:${to}` });
});
