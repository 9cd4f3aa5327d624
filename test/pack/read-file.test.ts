import { truncate } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { decodeText, readFile } from '../../src/pack/read-file.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';

const code = 'E_MANIFEST_UNREADABLE';

test('a file up to its limit is read, one byte more is not', async (t) => {
  const file = path.join(await folderWith(t, { a: '12345' }), 'a');
  t.is((await readFile(file, { code, maxBytes: 5 })).toString(), '12345');
  await truncate(file, 6);
  t.regex(
    (await errorOf(t, code, () => readFile(file, { code, maxBytes: 5 }))).message,
    /a: 6 B, over the limit/,
  );
});

test('a missing file, a folder and a device are refused by name', async (t) => {
  const folder = await folderWith(t, {});
  for (const [name, words] of [
    [path.join(folder, 'a'), 'no such file'],
    [folder, 'a folder, not a file'],
    ['/dev/null', 'no regular file'],
  ] as const) {
    const error = await errorOf(t, code, () => readFile(name, { code, maxBytes: 5 }));
    t.is(error.message, `${name}: ${words}`);
  }
});

test('an abort ends reading with its own reason', async (t) => {
  const file = path.join(await folderWith(t, { a: '1' }), 'a');
  const reason = new Error('stop');
  const signal = AbortSignal.abort(reason);
  await t.throwsAsync(readFile(file, { code, maxBytes: 5, signal }), { is: reason });
});

test('only UTF-8 is decoded', async (t) => {
  t.is(decodeText(Buffer.from('µ'), 'x.yml', code), 'µ');
  const error = await errorOf(t, code, () => decodeText(Buffer.from([0xb5]), 'x.yml', code));
  t.regex(error.message, /^x\.yml: /);
});
