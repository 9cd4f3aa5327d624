import test from 'ava';
import * as z from 'zod';
import { PackferryError } from '../../src/core/errors.ts';
import { parseJsonFile, readJsonFile } from '../../src/pack/json-file.ts';

const options = { name: 'x.json', code: 'E_PACK_INVALID', maxBytes: 1000 } as const;
const schema = z.object({ name: z.string() });

test('a JSON file with a byte order mark, as Notepad saves it, is read', (t) => {
  t.deepEqual(readJsonFile(Buffer.from('\uFEFF{"name": "a"}'), schema, options), { name: 'a' });
});

const refuses = test.macro((t, text: string, message: string) => {
  const error = t.throws(() => readJsonFile(Buffer.from(text), schema, options), {
    instanceOf: PackferryError,
  });
  t.is(error.code, 'E_PACK_INVALID');
  t.is(error.message.slice(0, message.length), message);
});
test('two byte order marks', refuses, '\uFEFF\uFEFF{}', 'x.json: no acceptable JSON');
test('nothing behind the byte order mark', refuses, '\uFEFF', 'x.json: no acceptable JSON');
test('a list where an object is wanted', refuses, '[]', 'x.json: Invalid input: expected object');
test('a number where a text is wanted', refuses, '{"name": 1}', 'x.json: name: Invalid input');
test('a key twice', refuses, '{"name": "a", "Name": "b"}', 'x.json: no acceptable JSON');

test('a JSON file over its limit has the code of its reader', (t) => {
  t.throws(() => parseJsonFile(Buffer.alloc(1001, 32), options), { code: 'E_PACK_INVALID' });
});
