import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { checkWritable, replaceContent } from '../../src/pack/update-file.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';

const [before, after] = [Buffer.from('before'), Buffer.from('after, and longer')];

test('replace: the content changes, the mode stays, nothing is left beside it', async (t) => {
  const folder = await folderWith(t, { 'x.yml': before });
  const file = path.join(folder, 'x.yml');
  await chmod(file, 0o751);
  await replaceContent(file, before, after);
  t.deepEqual(await readFile(file), after);
  t.is((await stat(file)).mode & 0o7777, 0o751);
  t.deepEqual(await readdir(folder), ['x.yml']);
});

test('replace: a file that has changed meanwhile is left alone', async (t) => {
  const folder = await folderWith(t, { 'x.yml': 'something new' });
  const file = path.join(folder, 'x.yml');
  await errorOf(t, 'E_PACK_INVALID', () => replaceContent(file, before, after));
  t.is(await readFile(file, 'utf8'), 'something new');
  t.deepEqual(await readdir(folder), ['x.yml']);
});

test('replace: a run that is stopped changes nothing', async (t) => {
  const folder = await folderWith(t, { 'x.yml': before });
  const file = path.join(folder, 'x.yml');
  const signal = AbortSignal.abort(new Error('enough'));
  await t.throwsAsync(replaceContent(file, before, after, signal), { message: 'enough' });
  t.deepEqual(await readFile(file), before);
  t.deepEqual(await readdir(folder), ['x.yml']);
});

test('replace: a symbolic link is refused, and so is what it leads to', async (t) => {
  const folder = await folderWith(t, { 'x.yml': before });
  await symlink('x.yml', path.join(folder, 'link.yml'));
  await errorOf(t, 'E_PACK_INVALID', () => replaceContent(path.join(folder, 'link.yml'), before, after));
  t.deepEqual(await readFile(path.join(folder, 'x.yml')), before);
});

test('replace: a read-only file in a folder that can be written is left alone, also by root', async (t) => {
  const folder = await folderWith(t, { 'x.yml': before });
  const file = path.join(folder, 'x.yml');
  await chmod(file, 0o444);
  const error = await errorOf(t, 'E_OUTPUT_UNWRITABLE', () => replaceContent(file, before, after));
  t.true(error.hint?.includes('chmod u+w'), error.hint);
  t.deepEqual(await readFile(file), before);
  t.deepEqual(await readdir(folder), ['x.yml']);
});

test('check: a folder, and a place inside a file, are refused', async (t) => {
  const folder = await folderWith(t, { 'x.zip': before });
  await mkdir(path.join(folder, 'y.yml'));
  await errorOf(t, 'E_PACK_INVALID', () => checkWritable(path.join(folder, 'y.yml')));
  await errorOf(t, 'E_PACK_INVALID', () => checkWritable(path.join(folder, 'x.zip', 'Scripts', 'x.yml')));
  await writeFile(path.join(folder, 'z.yml'), '');
  t.true((await checkWritable(path.join(folder, 'z.yml'))).isFile());
});
