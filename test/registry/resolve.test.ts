import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { Platform } from '../../src/core/platform.ts';
import type { ServedManifest } from '../../src/core/served.ts';
import { amd64, failure, resolveFrom } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage, sampleIndex } from '../helpers/registry-images.ts';

const arm: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' };

const resolves = test.macro({
  async exec(t, docker: boolean) {
    const image = sampleImage({ docker });
    const locked = await resolveFrom(t, new MemoryContent().image('a/b', '1', image));
    const [config, ...layers] = image.blobs;
    t.deepEqual(locked.manifest, image.manifest.descriptor);
    t.is(locked.config.digest, digestOf(config ?? ''));
    t.deepEqual(
      locked.layers.map(({ digest, size }) => [digest, size]),
      layers.map((layer) => [digestOf(layer), layer.length]),
    );
    t.deepEqual(locked.platform, amd64);
    t.regex(locked.source, /^registry:\/\/127\.0\.0\.1:\d+$/);
    t.is(locked.reference, `${locked.source.slice('registry://'.length)}/a/b:1`);
  },
  title: (title) => `resolve: ${title ?? ''}`,
});

test('an OCI image', resolves, false);
test('a Docker image', resolves, true);

test('resolve: diffIds are those of the uncompressed layers', async (t) => {
  const image = sampleImage({ seed: 'x' });
  const locked = await resolveFrom(t, new MemoryContent().image('a/b', '1', image));
  t.deepEqual(
    locked.layers.map(({ diffId }) => diffId),
    ['base', 'top'].map((part) => digestOf(`x ${part} `.repeat(500))),
  );
});

test('resolve: a reference with tag and digest keeps the tag only, and the digest counts', async (t) => {
  const [wanted, moved] = [sampleImage({ seed: 'wanted' }), sampleImage({ seed: 'moved' })];
  const content = new MemoryContent().image('a/b', '1', moved).blobsOf(wanted).keep(wanted.manifest);
  const locked = await resolveFrom(t, content, { tag: `:1@${wanted.manifest.descriptor.digest}` });
  t.deepEqual(locked.manifest, wanted.manifest.descriptor);
  t.true(locked.reference.endsWith('/a/b:1'));
});

test('resolve: a reference with a digest only keeps it', async (t) => {
  const image = sampleImage();
  const tag = `@${image.manifest.descriptor.digest}`;
  const locked = await resolveFrom(t, new MemoryContent().image('a/b', '1', image), { tag });
  t.true(locked.reference.endsWith(`/a/b${tag}`));
});

function indexed(docker = false): { content: MemoryContent; byName: Record<string, ServedManifest> } {
  const [intel, small, proof] = [
    sampleImage({ docker }),
    sampleImage({ docker, platform: arm, seed: 'arm' }),
    sampleImage({ seed: 'proof', platform: { os: 'unknown', architecture: 'unknown' } }),
  ];
  const index = sampleIndex(
    [
      {
        of: proof.manifest,
        platform: amd64,
        annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
      },
      { of: proof.manifest, platform: { os: 'unknown', architecture: 'unknown' } },
      { of: small.manifest, platform: arm },
      { of: intel.manifest, platform: amd64 },
    ],
    docker ? mediaTypes.dockerList : mediaTypes.ociIndex,
  );
  const content = new MemoryContent()
    .tag('a/b', '1', index)
    .keep(intel.manifest)
    .keep(small.manifest)
    .blobsOf(intel)
    .blobsOf(small);
  return { content, byName: { intel: intel.manifest, small: small.manifest, index } };
}

const chooses = test.macro<[platform: Platform, expected: string, docker?: boolean]>({
  async exec(t, platform, expected, docker = false) {
    const { content, byName } = indexed(docker);
    const locked = await resolveFrom(t, content, { platform });
    t.deepEqual(locked.manifest, byName[expected]?.descriptor);
    t.deepEqual(locked.platform, expected === 'small' ? arm : platform);
  },
  title: (title) => `resolve: from an index, ${title ?? ''}`,
});

test('the wanted platform, never an attestation', chooses, amd64, 'intel');
test('a wanted variant', chooses, arm, 'small');
test('any variant when none is wanted', chooses, { os: 'linux', architecture: 'arm' }, 'small');
test('Docker’s list', chooses, amd64, 'intel', true);

test('resolve: E_PLATFORM_NOT_FOUND lists what the index offers', async (t) => {
  const wanted = { os: 'linux', architecture: 's390x' };
  const work = async (): Promise<LockedImage> => resolveFrom(t, indexed().content, { platform: wanted });
  const error = await failure(t, 'E_PLATFORM_NOT_FOUND', work);
  t.regex(error.message, /linux\/arm\/v7, linux\/amd64$/);
});

test('resolve: a single image of another platform is refused', async (t) => {
  const content = new MemoryContent().image('a/b', '1', sampleImage({ platform: arm }));
  await failure(t, 'E_PLATFORM_NOT_FOUND', async () => resolveFrom(t, content));
});

test('resolve: an index entry without a platform is judged by its config', async (t) => {
  const [other, intel] = [sampleImage({ seed: 'other', platform: arm }), sampleImage()];
  const index = sampleIndex([{ of: other.manifest, platform: arm }, { of: intel.manifest }]);
  const content = new MemoryContent().tag('a/b', '1', index).keep(intel.manifest).blobsOf(intel);
  const locked = await resolveFrom(t, content);
  t.deepEqual(locked.manifest, intel.manifest.descriptor);
});

test('resolve: an artifact beside the images of an index is none of them', async (t) => {
  const artifact = sampleImage({
    seed: 'artifact',
    editManifest: (manifest) => {
      const config = manifest['config'] as Record<string, unknown>;
      manifest['config'] = { ...config, mediaType: 'application/vnd.oci.empty.v1+json' };
    },
  });
  const intel = sampleImage();
  const index = sampleIndex([{ of: artifact.manifest }, { of: intel.manifest }]);
  const content = new MemoryContent().tag('a/b', '1', index).tag('a/b', '2', artifact.manifest);
  content.keep(intel.manifest).blobsOf(intel);
  t.deepEqual((await resolveFrom(t, content)).manifest, intel.manifest.descriptor);
  await failure(t, 'E_IMAGE_MALFORMED', async () => resolveFrom(t, content, { tag: ':2' }));
});

function nested(levels: number): MemoryContent {
  const image = sampleImage();
  const content = new MemoryContent().keep(image.manifest).blobsOf(image);
  let top = sampleIndex([{ of: image.manifest, platform: amd64 }]);
  for (let level = 1; level < levels; level += 1) {
    content.keep(top);
    top = sampleIndex([{ of: top }]);
  }
  return content.tag('a/b', '1', top);
}

test('resolve: an index three levels deep', async (t) => {
  const locked = await resolveFrom(t, nested(3));
  t.is(locked.layers.length, 2);
});

test('resolve: an index four levels deep is refused', async (t) => {
  await failure(t, 'E_LIMIT_EXCEEDED', async () => resolveFrom(t, nested(4)));
});

test('resolve: indexes without end are not fetched without end', async (t) => {
  const leaves = Array.from({ length: 40 }, (_each, at) => {
    return sampleIndex([{ of: sampleImage({ seed: String(at), platform: arm }).manifest, platform: arm }]);
  });
  const content = new MemoryContent().tag('a/b', '1', sampleIndex(leaves.map((of) => ({ of }))));
  for (const leaf of leaves) content.keep(leaf);
  await failure(t, 'E_LIMIT_EXCEEDED', async () => resolveFrom(t, content));
});
