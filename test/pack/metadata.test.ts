import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { readMetadata } from '../../src/pack/metadata.ts';

const reads = test.macro((t, text: string, label: object) => {
  t.deepEqual(readMetadata(Buffer.from(text), 'P/pack_metadata.json'), label);
});

test('name and version', reads, '{"name": "A", "currentVersion": "1.2.3", "x": [1]}', {
  name: 'A',
  version: '1.2.3',
});
test('neither', reads, '{}', {});
test('null values', reads, '{"name": null, "currentVersion": null}', {});

const refuses = test.macro((t, text: string) => {
  const error = t.throws(() => readMetadata(Buffer.from(text), 'P/pack_metadata.json'), {
    instanceOf: PackferryError,
  });
  t.is(error.code, 'E_PACK_INVALID');
  t.true(error.message.startsWith('P/pack_metadata.json: '), error.message);
});

test('no JSON', refuses, '{"name": ');
test('empty', refuses, '');
test('a list', refuses, '[]');
test('a number as version', refuses, '{"currentVersion": 1}');
test('a key twice', refuses, '{"name": "a", "name": "b"}');

test('not UTF-8', (t) => {
  const bytes = Buffer.from('{"name": "\xff"}', 'latin1');
  const error = t.throws(() => readMetadata(bytes, 'P/pack_metadata.json'), { instanceOf: PackferryError });
  t.is(error.code, 'E_PACK_INVALID');
});
