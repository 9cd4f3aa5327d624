import path from 'node:path';
import test from 'ava';
import { loadExportManifest } from '../../src/flows/load-manifest.ts';
import { readManifestFiles } from '../../src/flows/manifest-files.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';

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
