import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { digestOf } from '../../src/core/digest.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { Platform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { ServedContent, ServedManifest } from '../../src/core/served.ts';
import { serveContent } from '../../src/registry/server.ts';
import { jsonBytes, MemoryContent, sampleImage, sampleIndex, served } from '../helpers/registry-images.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { refuse, serveFrom } from '../helpers/registry-scripted.ts';

const arm: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' };

/** Resolves `a/b` with the given tag or digest from a registry with this content. */
async function resolveFrom(
  t: ExecutionContext,
  content: ServedContent,
  { tag = ':1', platform = amd64 } = {},
): Promise<LockedImage> {
  const server = await serveContent(content, { host: '127.0.0.1', port: 0 });
  t.teardown(async () => server.close());
  return sourceFor(t).resolve(parseReference(`${server.host}/a/b${tag}`), platform);
}

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

const refuses = test.macro({
  async exec(t, code: ErrorCode, manifest: () => ServedManifest) {
    const content = new MemoryContent().blobsOf(sampleImage()).tag('a/b', '1', manifest());
    const error = await failure(t, code, async () => resolveFrom(t, content));
    t.regex(error.message, /\/a\/b:1/, 'the image is named');
  },
  title: (title) => `resolve refuses: ${title ?? ''}`,
});

const edited = (edit: (manifest: Record<string, unknown>) => void) => (): ServedManifest =>
  sampleImage({ editManifest: edit }).manifest;

const foreign = {
  mediaType: mediaTypes.dockerForeignLayer,
  digest: digestOf('x'),
  size: 1,
  urls: ['https://x'],
};

test(
  'a foreign layer',
  refuses,
  'E_LAYER_FOREIGN',
  edited((manifest) => (manifest['layers'] = [foreign])),
);
test(
  'a manifest that is also an index',
  refuses,
  'E_IMAGE_MALFORMED',
  edited((manifest) => (manifest['manifests'] = [])),
);
test(
  'a manifest without config',
  refuses,
  'E_IMAGE_MALFORMED',
  edited((manifest) => delete manifest['config']),
);
test(
  'fewer layers than the config has',
  refuses,
  'E_IMAGE_MALFORMED',
  edited((manifest) => (manifest['layers'] = [])),
);
test(
  'a config that is none',
  refuses,
  'E_IMAGE_MALFORMED',
  edited((manifest) => {
    manifest['config'] = {
      mediaType: 'application/vnd.cncf.helm.config.v1+json',
      digest: digestOf('x'),
      size: 1,
    };
  }),
);
test(
  'a config over the limit',
  refuses,
  'E_LIMIT_EXCEEDED',
  edited((manifest) => {
    manifest['config'] = { mediaType: mediaTypes.ociConfig, digest: digestOf('x'), size: 9_000_000 };
  }),
);
test(
  '501 layers',
  refuses,
  'E_IMAGE_MALFORMED',
  edited((manifest) => {
    manifest['layers'] = Array.from({ length: 501 }, () => ({
      mediaType: mediaTypes.ociLayer,
      digest: digestOf('x'),
      size: 1,
    }));
  }),
);
test(
  'another type inside than announced',
  refuses,
  'E_IMAGE_MALFORMED',
  edited((manifest) => (manifest['mediaType'] = mediaTypes.ociIndex)),
);
test('no JSON', refuses, 'E_IMAGE_MALFORMED', () => served(mediaTypes.ociManifest, Buffer.from('{')));
test('duplicate keys', refuses, 'E_IMAGE_MALFORMED', () =>
  served(mediaTypes.ociManifest, Buffer.from('{"config":1,"Config":2}')),
);
test('schema 1 by its type', refuses, 'E_SOURCE_PROTOCOL', () =>
  served(
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    jsonBytes({ schemaVersion: 1, name: 'a/b', fsLayers: [] }),
  ),
);
test('schema 1 by its content', refuses, 'E_SOURCE_PROTOCOL', () =>
  served('application/json', jsonBytes({ schemaVersion: 1, fsLayers: [] })),
);
test('a web page', refuses, 'E_SOURCE_PROTOCOL', () => served('text/html', Buffer.from('<html>')));
test('a type that is not known', refuses, 'E_SOURCE_PROTOCOL', () =>
  served('application/json', jsonBytes({ schemaVersion: 2 })),
);
test('a manifest over 4 MiB', refuses, 'E_LIMIT_EXCEEDED', () =>
  served(mediaTypes.ociManifest, Buffer.alloc(4 * 1024 * 1024 + 1, 32)),
);
test('resolve: a manifest must have the size that the index names', async (t) => {
  const image = sampleImage();
  const { descriptor, bytes } = image.manifest;
  const index = sampleIndex([
    { of: { descriptor: { ...descriptor, size: descriptor.size + 1 }, bytes }, platform: amd64 },
  ]);
  const content = new MemoryContent().tag('a/b', '1', index).keep(image.manifest).blobsOf(image);
  await failure(t, 'E_SIZE_MISMATCH', async () => resolveFrom(t, content));
});

const refusesConfig = test.macro({
  async exec(t, edit: (config: Record<string, unknown>) => void) {
    const content = new MemoryContent().image('a/b', '1', sampleImage({ editConfig: edit }));
    await failure(t, 'E_IMAGE_MALFORMED', async () => resolveFrom(t, content));
  },
  title: (title) => `resolve refuses a config: ${title ?? ''}`,
});

test(
  'with a malformed diffId',
  refusesConfig,
  (config) => (config['rootfs'] = { diff_ids: ['sha256:1', 'x'] }),
);
test(
  'with a diffId too many',
  refusesConfig,
  (config) => (config['rootfs'] = { diff_ids: Array.from({ length: 3 }, () => digestOf('')) }),
);
test('without a platform', refusesConfig, (config) => delete config['os']);
test('with an empty platform', refusesConfig, (config) => (config['os'] = ''));

const lies = test.macro({
  async exec(t, code: ErrorCode, part: RegExp, headers: Record<string, string>, bytes?: Buffer) {
    const image = sampleImage();
    const content = new MemoryContent().image('a/b', '1', image);
    const server = await scripted(t, async (request, response) => {
      if (!part.test(request.path)) return serveFrom(content, request, response);
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest, ...headers });
      response.end(bytes ?? image.manifest.bytes);
    });
    const { digest } = image.manifest.descriptor;
    const text = part.source.includes('sha256') ? `@${digest}` : ':1';
    await failure(t, code, async () =>
      sourceFor(t).resolve(parseReference(`${server.host}/a/b${text}`), amd64),
    );
  },
  title: (title) => `resolve: ${title ?? ''}`,
});

test('Docker-Content-Digest must fit the bytes', lies, 'E_DIGEST_MISMATCH', /manifests\/1/, {
  'docker-content-digest': digestOf('x'),
});
test(
  'bytes must have the digest that was asked for',
  lies,
  'E_DIGEST_MISMATCH',
  /manifests\/sha256/,
  {},
  Buffer.from('{}'),
);
test(
  'a config must have the digest that the manifest names',
  lies,
  'E_DIGEST_MISMATCH',
  /blobs/,
  {},
  Buffer.from('{}'),
);

const answers = test.macro<[code: ErrorCode, status: number, word: string]>({
  async exec(t, code, status, word) {
    const server = await scripted(t, (_request, response) => {
      refuse(response, status, word);
    });
    const reference = parseReference(`${server.host}/a/b:1`);
    const error = await failure(t, code, async () => sourceFor(t).resolve(reference, amd64));
    t.true(error.message.includes(reference.written) && error.message.includes(server.host), error.message);
    t.true(error.message.includes(`refused with ${word}`), 'the registry is quoted');
  },
  title: (_title, code, status, word) => `resolve: ${status} ${word} is ${code}`,
});

test(answers, 'E_IMAGE_NOT_FOUND', 404, 'MANIFEST_UNKNOWN');
test(answers, 'E_IMAGE_NOT_FOUND', 404, 'NAME_UNKNOWN');
test(answers, 'E_IMAGE_NOT_FOUND', 400, 'NAME_UNKNOWN');
test(answers, 'E_SOURCE_DENIED', 403, 'DENIED');
test(answers, 'E_SOURCE_DENIED', 401, 'UNAUTHORIZED');
test(answers, 'E_RATE_LIMITED', 429, 'TOOMANYREQUESTS');
test(answers, 'E_SOURCE_UNREACHABLE', 500, 'UNKNOWN');
test(answers, 'E_SOURCE_PROTOCOL', 400, 'UNSUPPORTED');

test('resolve: a passing fault is tried again', async (t) => {
  const content = new MemoryContent().image('a/b', '1', sampleImage());
  const server = await scripted(t, async (request, response, before) => {
    if (before.length === 0) response.destroy();
    else if (before.length === 1) refuse(response, 503, 'UNAVAILABLE');
    else if (before.length === 2)
      response.writeHead(200, { 'content-length': 5000 }).write('{', () => response.destroy());
    else await serveFrom(content, request, response);
  });
  const source = sourceFor(t, { retries: 3 });
  await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  t.is(server.seen.length, 5, 'three faults, then manifest and config');
});

test('resolve: an abort ends a request that gets no answer', async (t) => {
  const stop = new AbortController();
  const server = await scripted(t, () => {
    stop.abort();
  });
  const reference = parseReference(`${server.host}/a/b:1`);
  await failure(t, 'E_INTERRUPTED', async () => sourceFor(t).resolve(reference, amd64, stop.signal));
});

test('resolve: a registry that does not answer in time is out of reach', async (t) => {
  const server = await scripted(t, () => undefined);
  const source = sourceFor(t, { timeouts: { headers: 50 } });
  const reference = parseReference(`${server.host}/a/b:1`);
  await failure(t, 'E_SOURCE_UNREACHABLE', async () => source.resolve(reference, amd64));
});

test('resolve: a host that does not exist is out of reach', async (t) => {
  const reference = parseReference('registry.invalid/a/b:1');
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () => sourceFor(t).resolve(reference, amd64));
  t.true(error.message.includes('registry.invalid'));
});
