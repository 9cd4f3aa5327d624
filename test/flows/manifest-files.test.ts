import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { loadExportManifest } from '../../src/flows/load-manifest.ts';
import { readManifestFiles } from '../../src/flows/manifest-files.ts';
import { runCli } from '../helpers/cli-run.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';
import { projectRoot } from '../helpers/pack-root.ts';

const head = ['schema: packferry.export/v1', 'name: soc'];

test('patterns of packs, each pack once', async (t) => {
  const folder = await folderWith(t, {
    'm.yml': [...head, 'packs:', '  - path: Packs/[AB]', '  - path: Packs/*', '  - path: other'].join('\n'),
    'Packs/A/x.yml': '',
    'Packs/B/x.yml': '',
    'Packs/C/x.yml': '',
  });
  const { packs } = await readManifestFiles(await loadExportManifest(path.join(folder, 'm.yml')));
  t.deepEqual(
    packs.map((one) => path.relative(folder, one)),
    ['Packs/A', 'Packs/B', 'Packs/C', 'other'].map((one) => path.normalize(one)),
  );
});

test('everything that is missing, at once and with its place', async (t) => {
  const folder = await folderWith(t, {
    'm.yml': [
      ...head,
      'packs: [{path: "Packs/*"}]',
      'include: {native: ["8.8", "9.9"], nativeConfig: n.json}',
      'policy: {deprecatedImages: d.json}',
    ].join('\n'),
    'n.json': '{"native_images": {"native:8.8": {"supported_docker_images": [], "docker_ref": "a/b:1"}}}',
  });
  const file = path.join(folder, 'm.yml');
  const manifest = await loadExportManifest(file);
  const error = await errorOf(t, 'E_MANIFEST_INVALID', () => readManifestFiles(manifest));
  t.deepEqual(
    error.errors.map(({ code, message }) => [code, message.slice(file.length + 1).split(': ')[0]]),
    [
      ['E_PACK_NOT_FOUND', '3:16'],
      ['E_MANIFEST_INVALID', '4:27'],
      ['E_MANIFEST_INVALID', '5:28'],
    ],
  );
});

test('packs of the marketplace come from the manifest and from xsoar_config.json, custom packs from the disk', async (t) => {
  const folder = await folderWith(t, {
    'm.yml': [
      ...head,
      'packs: [{xsoarConfig: x.json, dependencies: all}, {marketplace: B, dependencies: none}]',
    ].join('\n'),
    'x.json': JSON.stringify({
      marketplace_packs: [{ id: 'A', version: '1.0.0' }],
      custom_packs: [{ id: 'Own', url: 'zips/Own.zip' }],
    }),
  });
  const files = await readManifestFiles(await loadExportManifest(path.join(folder, 'm.yml')));
  t.deepEqual(files.packs, [path.join(folder, 'zips', 'Own.zip')]);
  t.deepEqual(files.requests, [
    { pack: 'B', version: '*', dependencies: 'none', line: 3, column: 65 },
    {
      ...{ pack: 'A', version: '1.0.0', dependencies: 'all', line: 3, column: 23 },
      file: path.join(folder, 'x.json'),
    },
  ]);
});

// A real file of a public repository; not part of the project.
const real = path.join(projectRoot, '..', 'shared', 'corpus', 'xsoar_config.json');

test('a real xsoar_config.json, where it is there', async (t) => {
  if (!existsSync(real)) {
    t.pass(`no ${real}`);
    return;
  }
  const text = [...head, `packs: [{xsoarConfig: ${JSON.stringify(real)}}]`].join('\n');
  const folder = await folderWith(t, { 'm.yml': text });
  const { requests, packs } = await readManifestFiles(await loadExportManifest(path.join(folder, 'm.yml')));
  t.is(requests.length, 5);
  t.is(requests[0]?.pack, 'FeedJSON');
  t.is(packs.length, 2);
});

test('a pack that is missing, or no pack, is told with the line that asks for it', async (t) => {
  const folder = await folderWith(t, {
    'm.yml': [
      ...head,
      'packs:',
      '  - path: nowhere',
      '  - path: "empty*"',
      '  - xsoarConfig: x.json',
      'images: [a]',
    ].join('\n'),
    'empty/readme.txt': '',
    'x.json': JSON.stringify({ custom_packs: [{ id: 'Own', url: 'Own.zip' }] }),
  });
  const at = (name: string): string => path.join(folder, name);
  const { status, stderr } = await runCli(['usage', 'a', at('m.yml')]);
  t.is(status, 2);
  for (const line of [
    `${at('m.yml')}:4:11: ${at('nowhere')}: no such file or folder`,
    `${at('m.yml')}:5:11: no content pack found below ${at('empty')}`,
    `${at('m.yml')}:6:18: ${at('x.json')}: ${at('Own.zip')}: no such file or folder`,
  ]) {
    t.true(stderr.includes(line), stderr);
  }
});
