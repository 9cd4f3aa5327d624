import { truncate } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { limits } from '../../src/core/limits.ts';
import { formatReference } from '../../src/core/reference.ts';
import { loadExportManifest } from '../../src/flows/load-manifest.ts';
import type { ExportManifest } from '../../src/flows/manifest.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';

interface Loaded {
  readonly folder: string;
  readonly manifest: ExportManifest;
}

async function load(t: ExecutionContext, lines: readonly string[]): Promise<Loaded> {
  const text = ['schema: packferry.export/v1', 'name: soc', ...lines, ''].join('\n');
  const folder = await folderWith(t, { 'm.yml': text });
  const manifest = await loadExportManifest(path.join(folder, 'm.yml'), { home: path.resolve('/home/me') });
  return { folder, manifest };
}

test('defaults are filled in', async (t) => {
  const { folder, manifest } = await load(t, ['images: [alpine]']);
  const { images, ...rest } = manifest;
  t.is(images.length, 1);
  t.deepEqual(rest, {
    path: path.join(folder, 'm.yml'),
    name: 'soc',
    packs: [],
    marketplacePacks: [],
    xsoarConfigs: [],
    marketplace: {},
    origins: [],
    platform: { os: 'linux', architecture: 'amd64' },
    exclude: [],
    include: { defaultImages: true, testPlaybooks: false, alternatives: false, native: [] },
    policy: {
      organizations: [
        'docker.io/demisto',
        'gcr.io/xsoar-registry/demisto',
        'xsoar-registry.pan.dev/demisto',
        'docker.io/demistoextended',
        'gcr.io/xsoar-registry/demistoextended',
        'xsoar-registry.pan.dev/demistoextended',
      ],
      ...{ thirdParty: 'warn', latest: 'warn', deprecated: 'warn', zstd: 'warn', witness: 'ignore' },
    },
    registries: new Map(),
    volumeSize: 4_294_967_295,
    carriesPacks: false,
    carriesImporter: false,
    keys: [],
  });
});

test('everything can be set', async (t) => {
  const { folder, manifest } = await load(t, [
    'packs: [{path: ../Packs}, {path: ~/Packs/A}, {path: /abs/B}]',
    'platform: linux/arm64/v8',
    'exclude: ["demisto/ml:*", r.io/a]',
    'include:',
    '  {defaultImages: false, testPlaybooks: true, alternatives: true, native: ["8.8"], nativeConfig: n.json}',
    'policy:',
    '  organizations: [demisto, ghcr.io/acme, r.example:5000]',
    '  thirdParty: error',
    '  latest: resolve',
    '  deprecated: ignore',
    '  deprecatedImages: d.json',
    '  zstd: error',
    '  witness: error',
    'registries:',
    '  index.docker.io: {mirrors: ["r.example:5000", m.example/hub], plainHttp: false}',
    '  r.example:5000: {caFile: certs/ca.pem, location: m.example/r, clientCert: c.pem, clientKey: k.pem}',
    'bundle: {volumeSize: 4GiB, expiresAfter: 90d}',
    'sign: {keys: [~/.ssh/id_ed25519, keys/second]}',
  ]);
  t.deepEqual(manifest.packs, [
    { text: path.join(folder, '../Packs'), line: 3, column: 16 },
    { text: path.resolve('/home/me/Packs/A'), line: 3, column: 34 },
    { text: path.resolve('/abs/B'), line: 3, column: 53 },
  ]);
  t.deepEqual(manifest.exclude, [
    { text: 'demisto/ml:*', line: 5, column: 11 },
    { text: 'r.io/a', line: 5, column: 27 },
  ]);
  t.deepEqual(manifest.platform, { os: 'linux', architecture: 'arm64', variant: 'v8' });
  t.deepEqual(manifest.include, {
    ...{ defaultImages: false, testPlaybooks: true, alternatives: true },
    native: [{ text: '8.8', line: 7, column: 76 }],
    nativeConfig: { text: path.join(folder, 'n.json'), line: 7, column: 98 },
  });
  t.deepEqual(manifest.policy, {
    organizations: [
      'docker.io/demisto',
      'gcr.io/xsoar-registry/demisto',
      'xsoar-registry.pan.dev/demisto',
      'ghcr.io/acme',
      'r.example:5000',
    ],
    ...{ thirdParty: 'error', latest: 'resolve', deprecated: 'ignore', zstd: 'error', witness: 'error' },
  });
  t.deepEqual(manifest.deprecatedImages, { text: path.join(folder, 'd.json'), line: 13, column: 21 });
  t.is(manifest.expiresAfter, 90 * 86_400);
  t.deepEqual(
    [...manifest.registries],
    [
      ['docker.io', { mirrors: ['r.example:5000', 'm.example/hub'], plainHttp: false }],
      [
        'r.example:5000',
        {
          ...{ location: 'm.example/r', mirrors: [] },
          caFile: { text: path.join(folder, 'certs/ca.pem'), line: 18, column: 28 },
          client: {
            cert: { text: path.join(folder, 'c.pem'), line: 18, column: 77 },
            key: { text: path.join(folder, 'k.pem'), line: 18, column: 95 },
          },
        },
      ],
    ],
  );
  t.is(manifest.volumeSize, 2 ** 32);
  t.deepEqual(manifest.keys, [path.resolve('/home/me/.ssh/id_ed25519'), path.join(folder, 'keys/second')]);
});

test('where images come from: one source or several, by name or by pattern, with paths made absolute', async (t) => {
  const { folder, manifest } = await load(t, [
    'images:',
    '  - {reference: a/b, from: registry://r.example:5000/hub/}',
    '  - {reference: a/c, from: ["registry:", "docker:", "docker:tcp://h:2375", "podman:unix:///run/p.sock"]}',
    '  - {pattern: "localhost/*", from: ["oci:../layout", "bundle:~/old", "docker-archive:/abs/a.tar"]}',
  ]);
  t.deepEqual(
    manifest.images.map(({ from }) => from?.map(({ scheme, rest }) => [scheme, rest])),
    [
      [['registry', 'r.example:5000/hub']],
      [
        ['registry', ''],
        ['docker', ''],
        ['docker', 'tcp://h:2375'],
        ['podman', 'unix:///run/p.sock'],
      ],
    ],
  );
  t.deepEqual(manifest.origins, [
    {
      pattern: 'localhost/*',
      from: [
        { url: 'oci:../layout', scheme: 'oci', rest: path.join(folder, '../layout') },
        { url: 'bundle:~/old', scheme: 'bundle', rest: path.resolve('/home/me/old') },
        { url: 'docker-archive:/abs/a.tar', scheme: 'docker-archive', rest: path.resolve('/abs/a.tar') },
      ],
      ...{ line: 6, column: 15 },
    },
  ]);
});

test('images in both forms, with their places', async (t) => {
  const { manifest } = await load(t, [
    'images:',
    '  - alpine:3',
    '  - {reference: "r.example/a@sha256:' + 'a'.repeat(64) + '"}',
  ]);
  t.deepEqual(
    manifest.images.map(({ reference, file, line, column }) => [
      formatReference(reference),
      file,
      line,
      column,
    ]),
    [
      ['docker.io/library/alpine:3', 'm.yml', 4, 5],
      [`r.example/a@sha256:${'a'.repeat(64)}`, 'm.yml', 5, 17],
    ],
  );
});

const volume = test.macro(async (t, written: string, bytes: number) => {
  t.is((await load(t, ['images: [a]', `bundle: {volumeSize: ${written}}`])).manifest.volumeSize, bytes);
});

test('a volume size in bytes', volume, '4294967295', 4_294_967_295);
test('a volume size of a CD', volume, '700MB', 700_000_000);
test('a volume size with a fraction', volume, '4.7 GB', 4_700_000_000);

test('a manifest that is not there, with the name that was meant', async (t) => {
  const folder = await folderWith(t, { 'export.yml': '' });
  const error = await errorOf(t, 'E_MANIFEST_UNREADABLE', () =>
    loadExportManifest(path.join(folder, 'exprot.yml')),
  );
  t.true(error.hint?.includes(path.join(folder, 'export.yml')));
});

test('a folder instead of a manifest', async (t) => {
  const folder = await folderWith(t, {});
  const error = await errorOf(t, 'E_MANIFEST_UNREADABLE', () => loadExportManifest(folder));
  t.true(error.message.includes(folder));
  t.truthy(error.hint);
});

test('a manifest over the limit', async (t) => {
  const file = path.join(await folderWith(t, { 'm.yml': '' }), 'm.yml');
  await truncate(file, limits.exportManifest + 1);
  await errorOf(t, 'E_MANIFEST_UNREADABLE', () => loadExportManifest(file));
});

test('packs of the marketplace, with defaults and without', async (t) => {
  const { folder, manifest } = await load(t, [
    'packs:',
    '  - marketplace: Hello World',
    '  - { marketplace: B, version: 1.2.3, dependencies: all }',
    '  - xsoarConfig: x.json',
    'marketplace: { url: "https://m.example/packs", caFile: ca.pem }',
    'bundle: { packs: true, importer: [linux-x64] }',
  ]);
  t.deepEqual(manifest.packs, []);
  t.deepEqual(manifest.marketplacePacks, [
    { pack: 'Hello World', version: '*', dependencies: 'mandatory', line: 4, column: 18 },
    { pack: 'B', version: '1.2.3', dependencies: 'all', line: 5, column: 20 },
  ]);
  t.deepEqual(manifest.xsoarConfigs, [
    { text: path.join(folder, 'x.json'), line: 6, column: 18, dependencies: 'mandatory' },
  ]);
  t.deepEqual(manifest.marketplace, {
    url: 'https://m.example/packs',
    caFile: { text: path.join(folder, 'ca.pem'), line: 7, column: 56 },
  });
  t.true(manifest.carriesPacks);
  t.true(manifest.carriesImporter);
});
