import test from 'ava';
import { parseStrictJson } from '../../src/core/json.ts';
import { limits } from '../../src/core/limits.ts';

const megabyte = 1024 * 1024;

function parse(text: string | Uint8Array, maxBytes = 16 * megabyte): unknown {
  return parseStrictJson(Buffer.from(text), { name: 'a.json', maxBytes });
}

const accepted = test.macro({
  exec(t, text: string) {
    t.deepEqual(parse(text), JSON.parse(text));
  },
  title: (what, text: string) => `accepted: ${what ?? text}`,
});
test(accepted, '{"a":1,"b":[true,false,null,-1.5e3]}');
test(accepted, '[]');
test(accepted, '"text"');
test(accepted, ' \n{ "a" : { "b" : "c" } }\t');
test(accepted, '{"a":{"x":1},"b":{"x":2}}');
test(accepted, '[{"x":1},{"x":2}]');
test(accepted, '{"a":"a","b":"a"}');
test(accepted, '["a","a"]');
test(accepted, '{"a":["x","x"],"x":1}');
test(accepted, String.raw`{"a\"b":1,"a\\":2,"a":"\\\"","b":"{\"b\":1,\"b\":2}"}`);
test(accepted, '{"":1,"é":"✓","😀":3}');
test('a key named like an inherited property', accepted, '{"constructor":1,"toString":2}');

test('a key named __proto__ stays a plain key', (t) => {
  const value = parse('{"__proto__":{"polluted":true}}') as object;
  t.true(Object.hasOwn(value, '__proto__'));
  t.false('polluted' in value);
});

const refused = test.macro({
  exec(t, text: string | Uint8Array) {
    const fault = t.throws(() => parse(text), { code: 'E_JSON_INVALID' });
    t.true(fault.message.startsWith('a.json: '));
  },
  title: (what, text) => `refused: ${what ?? String(text)}`,
});
test('a duplicate key', refused, '{"a":1,"a":1}');
test('a duplicate key deep inside', refused, '{"x":[{"y":{"a":1,"b":2,"a":3}}]}');
test('a duplicate key after a nested object', refused, '{"a":{"b":1},"c":[1],"a":2}');
test('keys that differ by case: Go reads them as one', refused, '{"Config":"a","config":"b"}');
test('a duplicate key written with an escape', refused, String.raw`{"config":1,"\u0063onfig":2}`);
test('a key twin with a Kelvin sign', refused, '{"k":1,"\u212a":2}');
test('a key twin with a long s', refused, '{"digests":1,"dige\u017fts":2}');
test('a key twin in a letter that has three forms', refused, '{"σ":1,"ς":2}');
test('a key twin with a capital sharp s', refused, '{"ß":1,"ẞ":2}');
test('a second document', refused, '{"a":1}{"a":2}');
test('a second document on a line of its own', refused, '{"a":1}\n{"a":2}\n');
test('text behind the end', refused, '{"a":1} x');
test('a NUL behind the end', refused, '{"a":1}\0');
test('nothing', refused, '');
test('only spaces', refused, '  \n');
test('a comment', refused, '{"a":1 /* b */}');
test('a trailing comma', refused, '{"a":1,}');
test('single quotes', refused, "{'a':1}");
test('NaN', refused, '{"a":NaN}');
test('a number with a leading zero', refused, '[01]');
test('a line break inside a string', refused, '["a\nb"]');
test('an unknown escape', refused, String.raw`{"a\q":1}`);
test('a string that is not closed', refused, '{"a');
test('a closing brace too many', refused, '{}}');
test('a bracket closed by a brace', refused, '{"a":[1}');
test('a byte order mark', refused, '\ufeff{"a":1}');
test('bytes that are no UTF-8', refused, Buffer.from([0x22, 0xff, 0x22]));
test('a UTF-8 sequence that is cut off', refused, Buffer.from([0x22, 0xc3, 0x22]));
test('an overlong UTF-8 sequence', refused, Buffer.from([0x22, 0xc0, 0xaf, 0x22]));
test('a surrogate in UTF-8', refused, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]));
test('UTF-16', refused, Buffer.from('{"a":1}', 'utf16le'));

test('depth counts objects and arrays together, up to the limit', (t) => {
  const nested = (levels: number): string => '[{"a":'.repeat(levels / 2) + '1' + '}]'.repeat(levels / 2);
  t.notThrows(() => parse(nested(limits.depth)));
  t.throws(() => parse(nested(limits.depth + 2)), { code: 'E_JSON_INVALID' });
  t.notThrows(() => parse(JSON.stringify('['.repeat(1000))));
});

test('the limit is exact', (t) => {
  t.is(parse('"123"', 5), '123');
  t.throws(() => parse('"123"', 4), { code: 'E_LIMIT_EXCEEDED' });
  t.throws(() => parse('"éé"', 5), { code: 'E_LIMIT_EXCEEDED' });
});

const hostile = test.macro({
  exec(t, text: string, code: string | undefined) {
    t.timeout(20_000);
    const started = performance.now();
    if (code === undefined) t.notThrows(() => parse(text));
    else t.throws(() => parse(text), { code });
    t.true(performance.now() - started < 10_000);
  },
  title: (what) => `read in linear time and bounded stack: ${what}`,
});
const million = 1_000_000;
test('a string of many megabytes', hostile, JSON.stringify('a'.repeat(10 * million)), undefined);
test('a string of escapes only', hostile, JSON.stringify('"'.repeat(5 * million)), undefined);
test('a string of backslashes only', hostile, JSON.stringify('\\'.repeat(5 * million)), undefined);
test('an unclosed string of escaped quotes', hostile, '"' + '\\"'.repeat(5 * million), 'E_JSON_INVALID');
test('brackets only', hostile, '['.repeat(10 * million), 'E_JSON_INVALID');
test('quotes only', hostile, '"'.repeat(10 * million), 'E_JSON_INVALID');
test(
  'objects in tens of megabytes, each of which would take twenty times its text',
  hostile,
  `[${'{},'.repeat(5 * million)}1]`,
  'E_JSON_INVALID',
);
test('numbers without end', hostile, `[${'1,'.repeat(5 * million)}1]`, 'E_JSON_INVALID');
test(
  'a key whose normal form would be eighteen times as long',
  hostile,
  `{"${'\ufdfa'.repeat(5 * million)}":1}`,
  undefined,
);
