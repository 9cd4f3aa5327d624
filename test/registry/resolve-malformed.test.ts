import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { ServedManifest } from '../../src/core/served.ts';
import { amd64, failure, resolveFrom, scripted, sourceFor } from '../helpers/registry-context.ts';
import { jsonBytes, MemoryContent, sampleImage, sampleIndex, served } from '../helpers/registry-images.ts';
import { serveFrom } from '../helpers/registry-scripted.ts';

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
  'an OCI layer that may not be distributed',
  refuses,
  'E_LAYER_FOREIGN',
  edited(
    (manifest) =>
      (manifest['layers'] = [
        { ...foreign, urls: null, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' },
      ]),
  ),
);
test(
  'a layer of an ordinary type with URLs',
  refuses,
  'E_LAYER_FOREIGN',
  edited((manifest) => (manifest['layers'] = [{ ...foreign, mediaType: mediaTypes.dockerLayerGzip }])),
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
