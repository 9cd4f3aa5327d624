import { symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { expandGlob } from '../../src/pack/expand-glob.ts';
import { folderWith } from '../helpers/pack-folder.ts';

const files = {
  'Packs/A/pack_metadata.json': '{}',
  'Packs/B/Scripts/script-b.yml': '',
  'Packs/.hidden/x': '',
  'Packs/README.md': '',
  'Packs/c.zip': '',
  'other/Packs/D/x': '',
  '[x]/y': '',
};

const finds = test.macro(async (t, pattern: string, expected: readonly string[]) => {
  const folder = await folderWith(t, files);
  await symlink(path.join(folder, 'Packs'), path.join(folder, 'link'));
  const found = await expandGlob(path.join(folder, pattern));
  t.deepEqual(
    found.map((one) => path.relative(folder, one)),
    expected.map((one) => path.normalize(one)),
  );
});

test('folders and content files, sorted', finds, 'Packs/*', ['Packs/A', 'Packs/B', 'Packs/c.zip']);
test('a set', finds, 'Packs/[AC]', ['Packs/A']);
test('one character', finds, 'Packs/?', ['Packs/A', 'Packs/B']);
test('hidden ones when asked for', finds, 'Packs/.h*', ['Packs/.hidden']);
test('in the middle', finds, 'Packs/*/Scripts', ['Packs/B/Scripts']);
test('at any depth, not through links', finds, '**/Packs/?', ['Packs/A', 'Packs/B', 'other/Packs/D']);
test('files at any depth', finds, '**/*.yml', ['Packs/B/Scripts/script-b.yml']);
test('a link that was named', finds, 'link/?', ['link/A', 'link/B']);
test('a folder of that very name', finds, '[x]', ['[x]']);
test('nothing', finds, 'Packs/Z*', []);
test('nothing below what is not there', finds, 'none/*', []);
test('nothing below a file', finds, 'Packs/README.md/*', []);
test('no pattern', finds, 'Packs/none', ['Packs/none']);
