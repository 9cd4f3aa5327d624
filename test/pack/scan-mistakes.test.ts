import { truncate } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { limits } from '../../src/core/limits.ts';
import { scanPacks } from '../../src/pack/scan.ts';
import { errorOf, folderWith, script } from '../helpers/pack-folder.ts';

const usual = { defaultImages: true, testPlaybooks: false };

test('a path that does not exist, with the name that was meant', async (t) => {
  const root = await folderWith(t, { 'HelloWorld/pack_metadata.json': '{}' });
  const error = await errorOf(t, 'E_PACK_NOT_FOUND', () => scanPacks([path.join(root, 'HeloWorld')], usual));
  t.true(error.message.includes(path.join(root, 'HeloWorld')));
  t.true(error.hint?.includes(path.join(root, 'HelloWorld')));
});

test('a path below a folder that does not exist', async (t) => {
  const root = await folderWith(t, {});
  const error = await errorOf(t, 'E_PACK_NOT_FOUND', () => scanPacks([path.join(root, 'a/b/c')], usual));
  t.truthy(error.hint);
});

test('a path below a file', async (t) => {
  const root = await folderWith(t, { a: '' });
  await errorOf(t, 'E_PACK_NOT_FOUND', () => scanPacks([path.join(root, 'a/b')], usual));
});

const holdsNothing = test.macro(async (t, files: Readonly<Record<string, string>>) => {
  const root = await folderWith(t, files);
  const error = await errorOf(t, 'E_PACK_NOT_FOUND', () => scanPacks([root], usual));
  t.true(error.message.includes(root));
});

test('an empty folder', holdsNothing, {});
test('a folder of other things', holdsNothing, { 'a.yml': 'a: 1\n', 'b/c.txt': 'script: x' });
test('folders that only have the names', holdsNothing, { 'Scripts/activate': '', 'Packs/README.md': '' });
test('a folder of playbooks', holdsNothing, { 'playbook-P.yml': 'id: P\nname: P\ntasks: {}\n' });

test('one file that is no item', async (t) => {
  const root = await folderWith(t, { 'playbook-P.yml': 'id: P\nname: P\ntasks: {}\n' });
  await errorOf(t, 'E_PACK_NOT_FOUND', () => scanPacks([path.join(root, 'playbook-P.yml')], usual));
});

const refusesFile = test.macro(async (t, name: string, words: RegExp) => {
  const root = await folderWith(t, { [name]: 'PK' });
  const error = await errorOf(t, 'E_PACK_INVALID', () => scanPacks([path.join(root, name)], usual));
  t.true(error.message.includes(path.join(root, name)));
  t.regex(error.message, words);
});

test('no zip', refusesFile, 'HelloWorld.zip', /no zip or tar archive/);
test('no compressed tar', refusesFile, 'content.tar.gz', /no zip or tar archive/);
test('another file', refusesFile, 'HelloWorld.py', /neither a folder, an archive nor a yml file/);

test('one mistake is thrown as it is, with the real path', async (t) => {
  const root = await folderWith(t, {
    'P/Scripts/A.yml': script('A', 'dockerimage: "not an image"'),
    'P/Scripts/B.yml': script('B', 'dockerimage: a/b:1'),
  });
  const error = await errorOf(t, 'E_PACK_INVALID', () => scanPacks([root], usual));
  const place = `${path.join(root, 'P/Scripts/A.yml')}:6:14: `;
  t.true(error.message.startsWith(place), error.message);
  t.deepEqual(error.errors, []);
});

test('every mistake of a scan comes at once', async (t) => {
  const root = await folderWith(t, {
    'P/pack_metadata.json': '{"name": ',
    'P/Scripts/A.yml': script('A', 'dockerimage: A/B'),
    'P/Scripts/B.yml': 'script: x\nname: }\n',
    'P/Scripts/C.yml': script('C', 'type: python', 'dockerimage: 3.1'),
    'P/Scripts/E.yml': script('E', 'dockerimage: a/b:1'),
    'Q/Integrations/F.yml': '',
  });
  await truncate(path.join(root, 'Q/Integrations/F.yml'), limits.itemYaml + 1);
  const missing = path.join(root, 'missing');
  const error = await errorOf(t, 'E_PACK_INVALID', () => scanPacks([root, missing], usual));
  t.deepEqual(
    error.errors.map(({ message }) => path.relative(root, message).split(': ')[0]),
    [
      ...['P/pack_metadata.json', 'P/Scripts/A.yml:6:14', 'P/Scripts/B.yml:2:7', 'P/Scripts/C.yml:7:14'],
      ...['Q/Integrations/F.yml', 'missing'],
    ],
  );
});

test('a file that is not UTF-8 cannot be judged', async (t) => {
  const utf16 = Buffer.concat([
    Buffer.from([0xff, 0xfe]),
    Buffer.from(script('A', 'type: python'), 'utf16le'),
  ]);
  const root = await folderWith(t, { 'P/pack_metadata.json': '{}', 'P/Scripts/A.yml': utf16 });
  const error = await errorOf(t, 'E_PACK_INVALID', () => scanPacks([root], usual));
  t.regex(error.message, /A\.yml: no UTF-8 text/);
});

test('metadata over their limit', async (t) => {
  const root = await folderWith(t, { 'P/pack_metadata.json': '', 'P/Scripts/A.yml': script('A') });
  await truncate(path.join(root, 'P/pack_metadata.json'), limits.packMetadata + 1);
  const error = await errorOf(t, 'E_PACK_INVALID', () => scanPacks([root], usual));
  t.regex(error.message, /pack_metadata\.json: .*limit/);
});
