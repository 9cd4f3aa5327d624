import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { makeFolder } from '../../src/core/make-folder.ts';
import { tempDir } from '../helpers/compose.ts';

test('a folder is made with those above it, and is no fault when it is there', async (t) => {
  const dir = path.join(await tempDir(t), 'a', 'b', 'c');
  t.true(await makeFolder(dir, mkdir));
  t.true(existsSync(dir));
  t.false(await makeFolder(dir, mkdir));
  t.false(await makeFolder(`${dir}/`, mkdir));
});

test('a link to a folder is a folder', async (t) => {
  const dir = await tempDir(t);
  await symlink(dir, path.join(dir, 'link'));
  t.false(await makeFolder(path.join(dir, 'link'), mkdir));
});

test('a file in the way is a fault, be it the folder or one above', async (t) => {
  const file = path.join(await tempDir(t), 'file');
  await writeFile(file, '');
  await t.throwsAsync(makeFolder(file, mkdir), { code: 'ENOTDIR' });
  await t.throwsAsync(makeFolder(path.join(file, 'below'), mkdir), { code: 'ENOTDIR' });
});

test('a link to nothing is a fault and does not go on for ever', async (t) => {
  const link = path.join(await tempDir(t), 'link');
  await symlink('/nowhere/at/all', link);
  await t.throwsAsync(makeFolder(path.join(link, 'below'), mkdir), { code: 'ENOENT' });
});

test('where no folder can be made, as in /proc, that is said and not tried for ever', async (t) => {
  await t.throwsAsync(makeFolder('/proc/packferry/layout', mkdir), {
    code: 'ENOENT',
    message: 'no folder can be made in /proc',
  });
});
