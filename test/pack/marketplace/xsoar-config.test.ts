import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PackferryError } from '../../../src/core/errors.ts';
import { readXsoarConfig, type XsoarConfig } from '../../../src/pack/marketplace/xsoar-config.ts';
import { errorOf, folderWith } from '../../helpers/pack-folder.ts';

async function fileWith(t: ExecutionContext, text: string): Promise<string> {
  return path.join(await folderWith(t, { 'xsoar_config.json': text }), 'xsoar_config.json');
}

const reads = test.macro({
  async exec(t, content: unknown, expected: Partial<XsoarConfig>) {
    const file = await fileWith(t, JSON.stringify(content));
    t.deepEqual(await readXsoarConfig(file), { marketplacePacks: [], customPacks: [], ...expected });
  },
  title: (title) => `xsoar_config.json: ${title ?? ''}`,
});

const ferry = { pack: 'Ferry', version: '1.2.3' };
test(
  'packs of the marketplace',
  reads,
  { marketplace_packs: [{ id: 'Ferry', version: '1.2.3' }] },
  {
    marketplacePacks: [ferry],
  },
);
test(
  'words for the current version',
  reads,
  {
    marketplace_packs: [
      { id: 'A', version: '*' },
      { id: 'B', version: 'latest' },
      { id: 'C', version: null },
      { id: 'D' },
    ],
  },
  { marketplacePacks: ['A', 'B', 'C', 'D'].map((pack) => ({ pack, version: '*' })) },
);
test(
  'comments anywhere, and keys that do not matter',
  reads,
  {
    _comment: 'servers of the test net',
    marketplace_packs: [{ _comment: 'the ferry' }, { _comment: ['a'], id: 'Ferry', version: '1.2.3' }],
    custom_packs: [{ _comment: 'none yet' }],
    lists: [{ name: 'List', value: 'x' }],
    jobs: [{}],
  },
  { marketplacePacks: [ferry] },
);
test('nothing', reads, {}, {});
test('nulls', reads, { marketplace_packs: null, custom_packs: null }, {});

test('xsoar_config.json: packs of one’s own, beside the file, elsewhere and behind addresses', async (t) => {
  const file = await fileWith(
    t,
    JSON.stringify({
      custom_packs: [
        { id: 'A', url: 'packs/A/1.0.3/A.zip' },
        { id: 'B', url: '/srv/packs/B.zip' },
        { id: 'C', url: 'https://packs.example/C.zip' },
      ],
    }),
  );
  t.deepEqual((await readXsoarConfig(file)).customPacks, [
    { id: 'A', path: path.join(path.dirname(file), 'packs/A/1.0.3/A.zip') },
    { id: 'B', path: '/srv/packs/B.zip' },
    { id: 'C', url: 'https://packs.example/C.zip' },
  ]);
});

/** Where each mistake stands. */
function places(error: PackferryError): (string | undefined)[] {
  const mistakes = error.errors.length === 0 ? [error] : error.errors;
  return mistakes.map(({ message }) => /xsoar_config\.json: ([^ :]+): /.exec(message)?.[1]);
}

const refuses = test.macro({
  async exec(t, content: unknown, ...expected: readonly string[]) {
    const file = await fileWith(t, JSON.stringify(content));
    const error = await errorOf(t, 'E_MANIFEST_INVALID', () => readXsoarConfig(file));
    t.deepEqual(places(error), [...expected], error.message);
  },
  title: (title) => `xsoar_config.json refused: ${title ?? ''}`,
});

test('a text instead of a list', refuses, { marketplace_packs: 'Ferry' }, 'marketplace_packs');
test('a text instead of an entry', refuses, { marketplace_packs: ['Ferry'] }, 'marketplace_packs[0]');
test('an empty entry', refuses, { marketplace_packs: [{}] }, 'marketplace_packs[0].id');
test('an empty id', refuses, { marketplace_packs: [{ id: '' }] }, 'marketplace_packs[0].id');
test(
  'a number as version',
  refuses,
  { marketplace_packs: [{ id: 'A', version: 1 }] },
  'marketplace_packs[0].version',
);
test('no address', refuses, { custom_packs: [{ id: 'A', version: '1.0.0' }] }, 'custom_packs[0].url');
test(
  'another protocol',
  refuses,
  { custom_packs: [{ id: 'A', url: 's3://bucket/A.zip' }] },
  'custom_packs[0].url',
);
test('half an address', refuses, { custom_packs: [{ id: 'A', url: 'https://' }] }, 'custom_packs[0].url');
test(
  'all mistakes come at once, counted as in the file',
  refuses,
  { marketplace_packs: [{ _comment: 'x' }, { version: '1' }], custom_packs: [{ url: 'a' }, 3] },
  ...['marketplace_packs[1].id', 'custom_packs[0].id', 'custom_packs[1]'],
);

const unfit = test.macro({
  async exec(t, text: string) {
    await errorOf(t, 'E_MANIFEST_INVALID', async () => readXsoarConfig(await fileWith(t, text)));
  },
  title: (title) => `xsoar_config.json refused: ${title ?? ''}`,
});
test('no JSON', unfit, 'marketplace_packs: []');
test('a list', unfit, '[]');
test('a key twice', unfit, '{"marketplace_packs": [], "marketplace_packs": []}');

test('xsoar_config.json that is not there', async (t) => {
  const folder = await folderWith(t, {});
  await errorOf(t, 'E_MANIFEST_UNREADABLE', () => readXsoarConfig(path.join(folder, 'none.json')));
});
