import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Event } from '../../src/core/events.ts';
import { scanPacks, type PackScan, type ScanOptions } from '../../src/pack/scan.ts';
import { folderWith, integration, script } from '../helpers/pack-folder.ts';

const usual: ScanOptions = { defaultImages: true, testPlaybooks: false };

function images(scan: PackScan): string[] {
  return scan.uses.map((use) => `${use.file} ${use.item} ${use.reference.written}`);
}

const twoPacks = {
  'Packs/Beta/pack_metadata.json': '{"name": "Beta pack", "currentVersion": "2.0.1"}',
  'Packs/Beta/Integrations/One/One.yml': integration('One', 'type: python', 'dockerimage: a/one:1'),
  'Packs/Beta/Integrations/One/One.py': 'dockerimage: a/wrong:1',
  'Packs/Beta/Playbooks/playbook-P.yml': 'id: P\nname: P\ntasks: {}\n',
  'Packs/Alpha/Scripts/script-Two.yml': script('Two', 'type: powershell', 'dockerimage: a/two:2'),
  'Packs/Alpha/Beta_Integrations/integration-Three.yml': integration('Three', 'type: python'),
  'Packs/Alpha/TestPlaybooks/script-Tested.yml': script('Tested', 'type: python', 'dockerimage: a/test:1'),
  'Tools/Scripts/script-Tool.yml': script('Tool', 'type: python', 'dockerimage: a/tool:1'),
  'docker-compose.yml': 'script: {}\nservices: {}\n',
};

const ofAlpha = [
  'Alpha/Beta_Integrations/integration-Three.yml Three demisto/python:1.3-alpine',
  'Alpha/Scripts/script-Two.yml Two a/two:2',
];
const ofBeta = ['Beta/Integrations/One/One.yml One a/one:1'];

const finds = test.macro(async (t, below: string, expected: readonly string[]) => {
  const root = await folderWith(t, twoPacks);
  t.deepEqual(images(await scanPacks([path.join(root, below)], usual)), expected);
});

test('a repository: only its packs', finds, '.', [...ofAlpha, ...ofBeta]);
test('a folder of packs', finds, 'Packs', [...ofAlpha, ...ofBeta]);
test('a pack with metadata', finds, 'Packs/Beta', ofBeta);
test('a pack without metadata', finds, 'Packs/Alpha', ofAlpha);
test('a path with a trailing slash', finds, 'Packs/Beta/', ofBeta);
test('a folder of items', finds, 'Packs/Alpha/Scripts', ['Scripts/script-Two.yml Two a/two:2']);
test('a folder of one item', finds, 'Packs/Beta/Integrations/One', ['One/One.yml One a/one:1']);
test('one item', finds, 'Packs/Beta/Integrations/One/One.yml', ['One.yml One a/one:1']);
test(
  'an item below TestPlaybooks that is named itself',
  finds,
  'Packs/Alpha/TestPlaybooks/script-Tested.yml',
  ['script-Tested.yml Tested a/test:1'],
);

test('packs come sorted, with what their metadata say', async (t) => {
  const root = await folderWith(t, twoPacks);
  const { packs, files } = await scanPacks([root], usual);
  t.deepEqual(packs, [
    { id: 'Alpha', path: path.join(root, 'Packs/Alpha') },
    { id: 'Beta', path: path.join(root, 'Packs/Beta'), name: 'Beta pack', version: '2.0.1' },
  ]);
  t.is(files, 4);
});

test('a use is complete', async (t) => {
  const root = await folderWith(t, twoPacks);
  const { uses } = await scanPacks([path.join(root, 'Packs/Beta')], usual);
  t.deepEqual(uses, [
    {
      ...{ pack: 'Beta', item: 'One', kind: 'integration', file: 'Beta/Integrations/One/One.yml' },
      ...{ line: 8, column: 16, key: 'dockerimage', isDefault: false },
      reference: { registry: 'docker.io', repository: 'a/one', tag: '1', written: 'a/one:1' },
    },
  ]);
});

test('test playbooks on request, also those of the repository', async (t) => {
  const root = await folderWith(t, {
    ...twoPacks,
    'TestPlaybooks/script-Root.yml': script('Root', 'type: python', 'dockerimage: a/root:1'),
  });
  const found = images(await scanPacks([root], { ...usual, testPlaybooks: true }));
  t.true(found.includes('Alpha/TestPlaybooks/script-Tested.yml Tested a/test:1'));
  t.true(found.includes(`${path.basename(root)}/TestPlaybooks/script-Root.yml Root a/root:1`));
  t.is(found.length, 5);
});

test('no default images on request', async (t) => {
  const root = await folderWith(t, twoPacks);
  t.deepEqual(images(await scanPacks([root], { ...usual, defaultImages: false })), [ofAlpha[1], ...ofBeta]);
});

test('several paths, and what lies below two of them counts once', async (t) => {
  const root = await folderWith(t, twoPacks);
  const item = path.join(root, 'Packs/Beta/Integrations/One/One.yml');
  const paths = [path.join(root, 'Packs/Alpha'), path.join(root, 'Packs'), root, item, path.dirname(item)];
  const scan = await scanPacks(paths, usual);
  t.deepEqual(images(scan), [...ofAlpha, ...ofBeta]);
  t.is(scan.packs.length, 2);
});

test('packs of the same name in two repositories are both there', async (t) => {
  const roots = [await folderWith(t, twoPacks), await folderWith(t, twoPacks)];
  t.is((await scanPacks(roots, usual)).packs.length, 4);
});

test('loose items beside packs belong to the folder that was given', async (t) => {
  const root = await folderWith(t, {
    ...{ 'P/pack_metadata.json': '{}', 'P/Scripts/script-A.yml': script('A', 'type: python') },
    'automation-B.yml': script('B', 'dockerimage: b/b:1'),
  });
  const { uses, packs } = await scanPacks([root], usual);
  const id = path.basename(root);
  t.deepEqual(
    uses.map(({ pack, file }) => `${pack} ${file}`).sort(),
    [`${id} ${id}/automation-B.yml`, 'P P/Scripts/script-A.yml'].sort(),
  );
  t.deepEqual(packs.map((pack) => pack.id).sort(), [id, 'P'].sort());
});

test('a pack with metadata and no items is content', async (t) => {
  const root = await folderWith(t, { 'P/pack_metadata.json': '{}', 'P/Lists/list-L.json': '{}' });
  const scan = await scanPacks([root], usual);
  t.deepEqual([scan.packs.length, scan.uses.length], [1, 0]);
});

test('hidden folders, test data and dependencies are no content', async (t) => {
  const item = script('X', 'dockerimage: a/b:1');
  const folders = ['.git', '.venv', 'node_modules', '__MACOSX', 'Scripts/X/test_data'];
  const root = await folderWith(t, {
    'pack_metadata.json': '{}',
    'Scripts/._script-X.yml': '\0',
    ...Object.fromEntries(folders.map((folder) => [`${folder}/script-X.yml`, item])),
  });
  t.deepEqual(images(await scanPacks([root], usual)), []);
});

function listen(): { readonly events: Event[]; readonly emit: (event: Event) => void } {
  const events: Event[] = [];
  return { events, emit: (event) => void events.push(event) };
}

function warnings(events: readonly Event[]): string[] {
  return events.flatMap((event) =>
    event.type === 'note' && event.level === 'warning' ? [event.message] : [],
  );
}

async function linked(t: ExecutionContext): Promise<string> {
  const outside = await folderWith(t, { 'X.yml': script('X', 'dockerimage: a/outside:1') });
  const root = await folderWith(t, { 'P/pack_metadata.json': '{}', 'P/Scripts/Y.yml': script('Y') });
  await symlink(outside, path.join(root, 'P/Scripts/linked'));
  await symlink(path.join(outside, 'X.yml'), path.join(root, 'P/Scripts/Z.yml'));
  return root;
}

test('symbolic links inside are skipped with a warning', async (t) => {
  const root = await linked(t);
  const { events, emit } = listen();
  t.deepEqual(images(await scanPacks([root], { ...usual, emit })), []);
  const skipped = warnings(events).map((message) => message.split(': ')[0]);
  t.deepEqual(skipped, [path.join(root, 'P/Scripts/Z.yml'), path.join(root, 'P/Scripts/linked')]);
});

test('a symbolic link that is given is followed', async (t) => {
  const root = await linked(t);
  t.deepEqual(images(await scanPacks([path.join(root, 'P/Scripts/linked')], usual)), [
    'linked/X.yml X a/outside:1',
  ]);
});

test('archives in packs are no content', async (t) => {
  const root = await folderWith(t, { 'P/pack_metadata.json': '{}', 'P/doc_files/R.zip': 'PK' });
  t.deepEqual(images(await scanPacks([root], usual)), []);
});

test('a language of which nothing is known is told', async (t) => {
  const root = await folderWith(t, { 'Scripts/X.yml': script('X', 'type: ruby') });
  const { events, emit } = listen();
  await scanPacks([root], { ...usual, emit });
  t.regex(warnings(events)[0] ?? '', /X\.yml:6:7: .*"ruby"/);
});

test('events frame the work', async (t) => {
  const root = await folderWith(t, twoPacks);
  const { events, emit } = listen();
  await scanPacks([root], { ...usual, emit });
  t.deepEqual(
    events.map(({ type }) => type),
    ['started', 'done', 'finished'],
  );
});

test('the order does not depend on the order of paths', async (t) => {
  const root = await folderWith(t, twoPacks);
  const paths = ['Packs/Alpha', 'Packs/Beta'].map((pack) => path.join(root, pack));
  t.deepEqual(await scanPacks(paths, usual), await scanPacks(paths.reverse(), usual));
});

test('an abort ends the scan with its own reason', async (t) => {
  const root = await folderWith(t, twoPacks);
  const reason = new Error('stop');
  await t.throwsAsync(scanPacks([root], { ...usual, signal: AbortSignal.abort(reason) }), { is: reason });
});

test('a folder named like an item is a folder', async (t) => {
  const root = await folderWith(t, { 'Scripts/X.yml/X.yml': script('X', 'dockerimage: a/b:1') });
  await mkdir(path.join(root, 'Scripts/empty.yml'));
  t.deepEqual(images(await scanPacks([root], usual)), [`${path.basename(root)}/Scripts/X.yml/X.yml X a/b:1`]);
});
