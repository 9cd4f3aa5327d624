import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../../src/core/errors.ts';
import type { DependencyMode } from '../../../src/pack/marketplace/follow.ts';
import { resolvePacks, type PackRequest } from '../../../src/pack/marketplace/resolve.ts';
import {
  indexOf,
  openFrom,
  packZip,
  serveFiles,
  type FakePack,
  type MarketplaceServer,
  type Opened,
} from '../../helpers/marketplace-server.ts';
import type { ZipMember } from '../../helpers/marketplace-zip.ts';
import { errorOf } from '../../helpers/pack-folder.ts';

const must = { mandatory: true };
const may = { mandatory: false };

// Ferry needs Harbor, which needs Quay, which needs Ferry again.
const packs: readonly FakePack[] = [
  { id: 'Ferry', name: 'Ferry Lines', dependencies: { Harbor: must, Gulls: may } },
  { id: 'Harbor', name: 'Harbor', currentVersion: '2.0.0', dependencies: { Quay: must } },
  { id: 'Quay', name: 'Quay', currentVersion: '3.1.0', dependencies: { Ferry: must, Ropes: may } },
  { id: 'Gulls', name: 'Gulls', dependencies: { Fish: must, Absent: may } },
  { id: 'Fish', name: 'Fish', deprecated: true, hidden: true },
  { id: 'Ropes', name: 'Ropes', dependencies: { Fish: must } },
  { id: 'TwinA', name: 'Twin' },
  { id: 'TwinB', name: 'Twin' },
  { id: 'TwinC', name: 'TWIN' },
];

async function open(
  t: ExecutionContext,
  given: readonly FakePack[] = packs,
  more: readonly ZipMember[] = [],
  files: Readonly<Record<string, Buffer>> = {},
): Promise<Opened & { server: MarketplaceServer }> {
  const server = await serveFiles(t, { 'index.zip': indexOf(given, more), ...files });
  return { ...(await openFrom(t, server)), server };
}

/** `pack` or `pack@version`. */
function ask(written: string, dependencies: DependencyMode = 'none'): PackRequest {
  const [pack = '', version] = written.split('@');
  return { pack, dependencies, ...(version === undefined ? {} : { version }) };
}

/** `id version < path` of each. */
async function resolved({ marketplace }: Opened, ...requests: readonly PackRequest[]): Promise<string[]> {
  const found = await resolvePacks(marketplace, requests);
  return found.packs.map(({ id, version, path }) => [`${id} ${version}`, ...path].join(' < '));
}

const resolves = test.macro({
  async exec(t, requests: readonly PackRequest[], expected: readonly string[]) {
    t.deepEqual(await resolved(await open(t), ...requests), expected);
  },
  title: (title) => `resolve: ${title ?? ''}`,
});

test('an id', resolves, [ask('Ferry')], ['Ferry 1.0.0']);
test('a name', resolves, [ask('Ferry Lines')], ['Ferry 1.0.0']);
test('a name in other capitals', resolves, [ask('ferry lines')], ['Ferry 1.0.0']);
test('an id in other capitals', resolves, [ask('FERRY')], ['Ferry 1.0.0']);
test('an exact name goes before names in other capitals', resolves, [ask('TWIN')], ['TwinC 1.0.0']);
test('any version', resolves, [ask('Harbor@*')], ['Harbor 2.0.0']);
test('the current version by its number', resolves, [ask('Harbor@2.0.0')], ['Harbor 2.0.0']);
test('nothing', resolves, [], []);
test('one pack by two names', resolves, [ask('Ferry'), ask('Ferry Lines')], ['Ferry 1.0.0']);
test(
  'mandatory dependencies in a circle',
  resolves,
  [ask('Ferry', 'mandatory')],
  ['Ferry 1.0.0', 'Harbor 2.0.0 < Ferry', 'Quay 3.1.0 < Ferry < Harbor'],
);
test(
  'all dependencies, by the shortest path',
  resolves,
  [ask('Ferry', 'all')],
  [
    'Ferry 1.0.0',
    'Harbor 2.0.0 < Ferry',
    'Gulls 1.0.0 < Ferry',
    'Quay 3.1.0 < Ferry < Harbor',
    'Fish 1.0.0 < Ferry < Gulls',
    'Ropes 1.0.0 < Ferry < Harbor < Quay',
  ],
);
test(
  'what was asked for has no path',
  resolves,
  [ask('Ferry', 'mandatory'), ask('Quay')],
  ['Ferry 1.0.0', 'Quay 3.1.0', 'Harbor 2.0.0 < Ferry'],
);
test(
  'who wants more of a pack gets more',
  resolves,
  [ask('Quay'), ask('Gulls', 'mandatory'), ask('Quay', 'all')],
  [
    'Quay 3.1.0',
    'Gulls 1.0.0',
    'Ferry 1.0.0 < Quay',
    'Ropes 1.0.0 < Quay',
    'Fish 1.0.0 < Gulls',
    'Harbor 2.0.0 < Quay < Ferry',
  ],
);

test('resolve: a pack that is reached a second time by someone who wants more', async (t) => {
  const opened = await open(t, [
    { id: 'A', dependencies: { Shared: must } },
    { id: 'B', dependencies: { Shared: may } },
    { id: 'Shared', dependencies: { More: may } },
    { id: 'More' },
  ]);
  t.deepEqual(await resolved(opened, ask('A', 'mandatory'), ask('B', 'all')), [
    'A 1.0.0',
    'B 1.0.0',
    'Shared 1.0.0 < A',
    'More 1.0.0 < A < Shared',
  ]);
});

test('resolve: hidden and given up packs are marked', async (t) => {
  const { marketplace } = await open(t);
  const { packs: found } = await resolvePacks(marketplace, [ask('Fish'), ask('Ferry')]);
  t.like(found, [
    { id: 'Fish', hidden: true, deprecated: true },
    { id: 'Ferry', hidden: false, deprecated: false },
  ]);
});

test('resolve: optional dependencies that are not there are told of', async (t) => {
  const { marketplace, events } = await open(t);
  const { problems } = await resolvePacks(marketplace, [ask('Gulls', 'all')]);
  t.deepEqual(problems, [{ kind: 'absent', id: 'Absent', path: ['Gulls'] }]);
  t.like(events.at(-1), { type: 'note', level: 'warning' });
});

const asksFor = test.macro({
  async exec(t, minVersion: string, isTooOld: boolean) {
    const { marketplace } = await open(t, [
      { id: 'A', dependencies: { B: { mandatory: true, minVersion } } },
      { id: 'B', currentVersion: '1.9.0' },
    ]);
    const { problems } = await resolvePacks(marketplace, [ask('A', 'mandatory')]);
    const expected = { kind: 'too-old', id: 'B', version: '1.9.0', minVersion, path: ['A'] } as const;
    t.deepEqual(problems, isTooOld ? [expected] : []);
  },
  title: (title) => `version 1.9.0, wanted at least: ${title ?? ''}`,
});

test('the same', asksFor, '1.9.0', false);
test('the same with fewer parts', asksFor, '1.9', false);
test('an older one', asksFor, '1.8.99', false);
test('a newer one', asksFor, '1.9.1', true);
test('a newer one that looks smaller as text', asksFor, '1.10.0', true);

test('a pinned pack that is too old for another is told of, and kept', async (t) => {
  const more = [{ name: 'index/B/metadata-1.0.0.json', content: '{"id": "B", "currentVersion": "1.0.0"}' }];
  const opened = await open(
    t,
    [
      { id: 'A', dependencies: { B: { mandatory: true, minVersion: '1.5.0' } } },
      { id: 'B', currentVersion: '1.9.0' },
    ],
    more,
  );
  const { packs: found, problems } = await resolvePacks(opened.marketplace, [
    ask('A', 'mandatory'),
    ask('B@1.0.0'),
  ]);
  t.like(found[1], { id: 'B', version: '1.0.0' });
  t.like(problems, [{ kind: 'too-old', version: '1.0.0', minVersion: '1.5.0' }]);
});

const old: FakePack = { id: 'Ferry', currentVersion: '0.9.0', dependencies: { Fish: must } };

test('an older version has its own dependencies: the index knows them', async (t) => {
  const opened = await open(t, packs, [
    { name: 'index/Ferry/metadata-0.9.0.json', content: JSON.stringify(old) },
  ]);
  t.deepEqual(await resolved(opened, ask('Ferry@0.9.0', 'mandatory')), ['Ferry 0.9.0', 'Fish 1.0.0 < Ferry']);
  t.deepEqual(opened.server.seen, ['GET /content/packs/index.zip']);
});

test('an older version that only the bucket knows: its zip tells the dependencies', async (t) => {
  const opened = await open(t, packs, [], { 'Ferry/0.9.0/Ferry.zip': packZip(old) });
  t.deepEqual(await resolved(opened, ask('Ferry@0.9.0', 'mandatory')), ['Ferry 0.9.0', 'Fish 1.0.0 < Ferry']);
  t.deepEqual(opened.server.seen.slice(1), [
    'HEAD /content/packs/Ferry/0.9.0/Ferry.zip',
    'GET /content/packs/Ferry/0.9.0/Ferry.zip',
  ]);
});

test('an older version of the changelog is believed; without dependencies nothing is fetched', async (t) => {
  const opened = await open(t, packs, [
    { name: 'index/Ferry/changelog.json', content: '{"0.9.0": {"releaseNotes": ""}}' },
  ]);
  t.deepEqual(await resolved(opened, ask('Ferry@0.9.0')), ['Ferry 0.9.0']);
  t.deepEqual(opened.server.seen, ['GET /content/packs/index.zip']);
});

test('a broken changelog is no obstacle', async (t) => {
  const opened = await open(t, packs, [{ name: 'index/Ferry/changelog.json', content: '[' }], {
    'Ferry/0.9.0/Ferry.zip': packZip(old),
  });
  t.deepEqual(await resolved(opened, ask('Ferry@0.9.0')), ['Ferry 0.9.0']);
});

test('an exact version goes before any version', async (t) => {
  const opened = await open(t, packs, [], { 'Ferry/0.9.0/Ferry.zip': packZip(old) });
  t.deepEqual(await resolved(opened, ask('Ferry'), ask('Ferry Lines@0.9.0')), ['Ferry 0.9.0']);
});

const fails = test.macro({
  async exec(t, code: ErrorCode, requests: readonly PackRequest[], ...words: readonly RegExp[]) {
    const { marketplace } = await open(
      t,
      [...packs, { id: 'Lost', dependencies: { Nowhere: must } }],
      [
        { name: 'index/Ferry/changelog.json', content: '{"0.9.0": {}, "0.8.0": {}}' },
        { name: 'index/Broken/metadata.json', content: '{' },
      ],
    );
    const error = await errorOf(t, code, () => resolvePacks(marketplace, requests));
    for (const word of words) t.regex(`${error.message} ${error.hint ?? ''}`, word);
  },
  title: (title) => `resolve fails: ${title ?? ''}`,
});

test('a slip in an id', fails, 'E_PACK_NOT_FOUND', [ask('Fery')], /"Fery"/, /"Ferry"\?/);
test('a slip in a name', fails, 'E_PACK_NOT_FOUND', [ask('Ferry Line')], /"Ferry Lines"\?/);
test('something else altogether', fails, 'E_PACK_NOT_FOUND', [ask('Submarine Telegraphy')], /id/);
test('a name of two packs', fails, 'E_PACK_NOT_FOUND', [ask('Twin')], /TwinA, TwinB/);
test(
  'a name of three packs, but for capitals',
  fails,
  'E_PACK_NOT_FOUND',
  [ask('tWIN')],
  /TwinA, TwinB, TwinC/,
);
test(
  'a version that is gone',
  fails,
  'E_PACK_NOT_FOUND',
  [ask('Ferry@0.7.0')],
  /"0\.7\.0"/,
  /0\.9\.0|0\.8\.0/,
  /1\.0\.0/,
);
test('a version that leads elsewhere', fails, 'E_PACK_NOT_FOUND', [ask('Ferry@../../x')]);
test('two versions', fails, 'E_PACK_NOT_FOUND', [ask('Ferry@0.9.0'), ask('Ferry@0.8.0')], /0\.9\.0, 0\.8\.0/);
test(
  'a mandatory dependency that is not there',
  fails,
  'E_PACK_NOT_FOUND',
  [ask('Lost', 'mandatory')],
  /Nowhere.*Lost/,
);
test(
  'a pack with broken metadata',
  fails,
  'E_PACK_INVALID',
  [ask('Broken')],
  /index\/Broken\/metadata\.json/,
);

test('all mistakes come at once', async (t) => {
  const { marketplace } = await open(t, [...packs, { id: 'Lost', dependencies: { Nowhere: must } }]);
  const requests = [ask('Fery'), ask('Lost', 'all'), ask('Twin'), ask('Quay'), ask('Quay@9')];
  const error = await errorOf(t, 'E_PACK_NOT_FOUND', () => resolvePacks(marketplace, requests));
  t.deepEqual(
    error.errors.map(({ message }) => /Fery|Twin|Quay|Nowhere/.exec(message)?.[0]),
    ['Fery', 'Twin', 'Quay', 'Nowhere'],
  );
});

test('resolve: what is said of packs that others pull in names the place that asks for the first of them', async (t) => {
  const { marketplace, events } = await open(t, [
    { id: 'A', dependencies: { B: must } },
    { id: 'B', dependencies: { Missing: must, Old: { mandatory: true, minVersion: '2.0.0' } } },
    { id: 'C', dependencies: { A: must } },
    { id: 'Old' },
    { id: 'Two' },
  ]);
  const error = await errorOf(t, 'E_PACK_NOT_FOUND', () =>
    resolvePacks(marketplace, [
      { ...ask('A', 'none'), where: 'm.yml:4:5: ' },
      { ...ask('A', 'mandatory'), where: 'm.yml:5:5: ' },
      { ...ask('Two@1.0.0'), where: 'm.yml:6:5: ' },
      { ...ask('Two@9.0.0'), where: 'm.yml:7:5: ' },
    ]),
  );
  t.deepEqual(
    error.errors.map(({ message }) => message),
    [
      'm.yml:7:5: pack Two is asked for in 2 versions: 1.0.0, 9.0.0',
      'm.yml:5:5: no pack Missing in the marketplace, but it is needed by A > B',
    ],
  );
  await resolvePacks(marketplace, [{ ...ask('Old'), where: 'm.yml:4:5: ' }]);
  t.false(events.some((event) => event.type === 'note' && event.level === 'warning'));
});

test('resolve: warnings on packs that others pull in name the place as well', async (t) => {
  const { marketplace, events } = await open(t);
  await resolvePacks(marketplace, [{ ...ask('Gulls', 'all'), where: 'm.yml:4:5: ' }]);
  t.deepEqual(events.at(-1), {
    ...{ type: 'note', level: 'warning' },
    message: 'm.yml:4:5: pack Absent is not in the marketplace; Gulls can do without it',
  });
});
