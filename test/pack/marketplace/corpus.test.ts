import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { downloadPack } from '../../../src/pack/marketplace/download.ts';
import { resolvePacks } from '../../../src/pack/marketplace/resolve.ts';
import { readXsoarConfig } from '../../../src/pack/marketplace/xsoar-config.ts';
import { indexOf, openFrom, serveFiles } from '../../helpers/marketplace-server.ts';
import { projectRoot } from '../../helpers/pack-root.ts';

// Real files of public repositories; not part of the project.
const corpus = path.join(projectRoot, '..', 'shared', 'corpus');

if (existsSync(corpus)) {
  test('a real pack, real metadata and a real state of a marketplace', async (t) => {
    const read = (name: string): Promise<Buffer> => readFile(path.join(corpus, name));
    const index = indexOf(
      [{ id: 'TestPack', currentVersion: '1.1.0' }, { id: 'DemistoRESTAPI' }],
      [
        { name: 'index/index.json', content: await read('marketplace_index.json') },
        {
          name: 'index/CommonScripts/metadata.json',
          content: await read('modern/Packs/CommonScripts/pack_metadata.json'),
        },
      ],
    );
    const zip = await read('sdk-fixtures/TestPack.zip');
    const server = await serveFiles(t, { 'index.zip': index, 'TestPack/1.1.0/TestPack.zip': zip });
    const { marketplace } = await openFrom(t, server);
    t.is(marketplace.index.state.revision, '1972');
    t.is(marketplace.index.state.paid.size, 3);

    const { packs } = await resolvePacks(marketplace, [
      { pack: 'Common Scripts', dependencies: 'mandatory' },
      { pack: 'TestPack', dependencies: 'all' },
    ]);
    t.deepEqual(
      packs.map(({ id, version }) => `${id} ${version}`),
      ['CommonScripts 1.10.19', 'TestPack 1.1.0', 'DemistoRESTAPI 1.0.0'],
    );
    const got = await downloadPack(marketplace, { id: 'TestPack', version: '1.1.0' });
    t.deepEqual(await readFile(got.zip), zip);
  });

  test('a real xsoar_config.json', async (t) => {
    const { marketplacePacks, customPacks } = await readXsoarConfig(path.join(corpus, 'xsoar_config.json'));
    t.is(marketplacePacks.length, 5);
    t.deepEqual(marketplacePacks[0], { pack: 'FeedJSON', version: '*' });
    t.like(customPacks[1], { id: 'Pack2', path: path.join(corpus, 'packs/Pack2/1.0.1/Pack2.zip') });
  });
} else {
  test('the corpus is not here, so nothing real is read', (t) => {
    t.log(`no ${corpus}`);
    t.pass();
  });
}
