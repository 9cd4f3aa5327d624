import { truncate } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { limits } from '../../src/core/limits.ts';
import { formatReference } from '../../src/core/reference.ts';
import { loadExportManifest, type ExportManifest } from '../../src/flows/load-manifest.ts';
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
    platform: { os: 'linux', architecture: 'amd64' },
    include: { defaultImages: true, testPlaybooks: false },
    registries: new Map(),
    volumeSize: 4_294_967_295,
    keys: [],
  });
});

test('everything can be set', async (t) => {
  const { folder, manifest } = await load(t, [
    'packs: [{path: ../Packs}, {path: ~/Packs/A}, {path: /abs/B}]',
    'platform: linux/arm64/v8',
    'include: {defaultImages: false, testPlaybooks: true}',
    'registries:',
    '  index.docker.io: {mirrors: ["r.example:5000", m.example/hub], plainHttp: false}',
    '  r.example:5000: {caFile: certs/ca.pem}',
    'bundle: {volumeSize: 4GiB}',
    'sign: {keys: [~/.ssh/id_ed25519]}',
  ]);
  t.deepEqual(manifest.packs, [
    path.join(folder, '../Packs'),
    path.resolve('/home/me/Packs/A'),
    path.resolve('/abs/B'),
  ]);
  t.deepEqual(manifest.platform, { os: 'linux', architecture: 'arm64', variant: 'v8' });
  t.deepEqual(manifest.include, { defaultImages: false, testPlaybooks: true });
  t.deepEqual(
    [...manifest.registries],
    [
      ['docker.io', { mirrors: ['r.example:5000', 'm.example/hub'], plainHttp: false }],
      ['r.example:5000', { mirrors: [], caFile: path.join(folder, 'certs/ca.pem') }],
    ],
  );
  t.is(manifest.volumeSize, 2 ** 32);
  t.deepEqual(manifest.keys, [path.resolve('/home/me/.ssh/id_ed25519')]);
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
