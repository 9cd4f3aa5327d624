import { Readable } from 'node:stream';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { readNdjson, type NdjsonLine } from '../../src/engine/ndjson.ts';

async function linesOf(chunks: readonly (Buffer | string)[], maxLine?: number): Promise<NdjsonLine[]> {
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  const lines: NdjsonLine[] = [];
  const options = { name: 'engine', ...(maxLine === undefined ? {} : { maxLine }) };
  for await (const line of readNdjson(stream, options)) lines.push(line);
  return lines;
}

const value = (of: unknown): NdjsonLine => ({ kind: 'value', value: of });
const junk = (text: string): NdjsonLine => ({ kind: 'junk', text });

const reads = test.macro({
  exec: async (t, chunks: readonly (Buffer | string)[], expected: readonly NdjsonLine[]) => {
    t.deepEqual(await linesOf(chunks), expected);
  },
  title: (title = '') => `reads ${title}`,
});

const euro = Buffer.from('{"a":"€"}\n');

test('nothing', reads, [], []);
test('two lines of one chunk', reads, ['{"a":1}\n{"a":2}\n'], [value({ a: 1 }), value({ a: 2 })]);
test('a line in many chunks', reads, ['{"', 'a":', '1', '}', '\n'], [value({ a: 1 })]);
test('a last line without newline', reads, ['{"a":1}\n{"a":2}'], [value({ a: 1 }), value({ a: 2 })]);
test(
  'lines that end with carriage return',
  reads,
  ['{"a":1}\r\n{"a":2}\r\n'],
  [value({ a: 1 }), value({ a: 2 })],
);
test('over empty lines', reads, ['\n\n{"a":1}\n \n'], [value({ a: 1 })]);
test('a character cut between chunks', reads, [euro.subarray(0, 7), euro.subarray(7)], [value({ a: '€' })]);
test('junk as junk and goes on', reads, ['<html>\n1\n'], [junk('<html>'), value(1)]);
test('a cut last line as junk', reads, ['{"a":1}\n{"a":'], [value({ a: 1 }), junk('{"a":')]);
test('bytes that are no UTF-8 as junk', reads, [Buffer.from([0xff, 0x0a])], [junk('\ufffd')]);

const refuses = test.macro(async (t, chunks: readonly string[]) => {
  await t.throwsAsync(linesOf(chunks, 10), { instanceOf: PackferryError, code: 'E_ENGINE_PROTOCOL' });
});

test('a line over the limit is refused', refuses, [`"${'x'.repeat(9)}"\n`]);
test('a line over the limit is refused before its end is seen', refuses, ['"xxxx', 'xxxxx', 'xxxx']);
test('a line of exactly the limit is read', async (t) => {
  t.deepEqual(await linesOf(['"12345678"\n"12345678"'], 10), [value('12345678'), value('12345678')]);
});

test('a fault of the stream is thrown as it is', async (t) => {
  const fault = new Error('cut');
  const stream = new Readable({ read: () => undefined });
  stream.push('{"a":1}\n');
  const lines = readNdjson(stream, { name: 'engine' });
  t.deepEqual((await lines.next()).value, value({ a: 1 }));
  stream.destroy(fault);
  t.is(await t.throwsAsync(lines.next()), fault);
});

test('leaving the loop destroys the stream', async (t) => {
  const stream = Readable.from([Buffer.from('1\n2\n3\n')]);
  for await (const line of readNdjson(stream, { name: 'engine' })) {
    t.deepEqual(line, value(1));
    break;
  }
  t.true(stream.destroyed);
});
