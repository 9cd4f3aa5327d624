import { readdirSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { formatReference } from '../../src/core/reference.ts';
import { loadExportManifest } from '../../src/flows/load-manifest.ts';
import { readManifestFiles } from '../../src/flows/manifest-files.ts';
import { scanPacks } from '../../src/pack/scan.ts';
import { projectRoot } from '../helpers/pack-root.ts';

const folder = path.join(projectRoot, 'manifests');
const samples = readdirSync(folder).filter((name) => name.endsWith('.yml'));

test('there are samples', (t) => {
  t.deepEqual(samples.sort(), [
    'content-repository.yml',
    'images-only.yml',
    'marketplace.yml',
    'one-pack.yml',
    'private-registry.yml',
    'sample.yml',
    'site-images.yml',
    'soc.yml',
  ]);
});

for (const sample of samples) {
  test(`${sample} loads, and its packs are there`, async (t) => {
    const manifest = await loadExportManifest(path.join(folder, sample));
    t.is(manifest.name, path.parse(sample).name);
    const { packs } = await readManifestFiles(manifest);
    const { uses } = await scanPacks(packs, { ...manifest.include, native: [] });
    t.true(uses.length + manifest.images.length > 0);
  });
}

test('each sample tells editors its schema, which is there', async (t) => {
  for (const sample of samples) {
    const [line = ''] = (await readFile(path.join(folder, sample), 'utf8')).split('\n');
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)$/.exec(line) ?? [];
    t.is(schema, 'schema/export.schema.json', sample);
    await t.notThrowsAsync(access(path.join(folder, schema)));
  }
});

test('the images of the sample packs', async (t) => {
  const manifest = await loadExportManifest(path.join(folder, 'sample.yml'));
  const paths = manifest.packs.map(({ text }) => text);
  const { packs, uses } = await scanPacks(paths, { ...manifest.include, native: [] });
  t.deepEqual(
    packs.map(({ id, name, version }) => [id, name, version]),
    [
      ['HelloFerry', 'Hello Ferry', '1.0.0'],
      ['HelloHarbor', 'Hello Harbor', '1.1.0'],
    ],
  );
  t.deepEqual(
    uses.map((use) => [use.item, use.kind, use.isDefault, formatReference(use.reference)]),
    [
      ['HelloFerry', 'integration', false, 'docker.io/demisto/python3:3.12.13-sample'],
      ['FerryDigest', 'script', false, 'docker.io/demisto/crypto:1.0.0-sample'],
      ['FerryTime', 'script', false, 'docker.io/demisto/powershell:7.5.0-sample'],
      ['HelloHarbor', 'integration', true, 'docker.io/demisto/python:1.3-alpine'],
      ['HarborWeather', 'integration', false, 'docker.io/demisto/py3-tools:1.0.0-sample'],
    ],
  );
});
