import test, { type ExecutionContext } from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { parseYaml, type YamlFile } from '../../src/core/yaml.ts';

const read = (text: string, maxBytes = 1_000_000): YamlFile =>
  parseYaml(text, { name: 'x.yml', code: 'E_PACK_INVALID', maxBytes });

const gives = test.macro((t, text: string, value: unknown) => {
  t.deepEqual(read(text).value, value);
});

test('a byte order mark is skipped', gives, '\uFEFFa: 1\n', { a: 1 });
test('CRLF ends lines', gives, 'a: |\r\n  x\r\n  y\r\nb: z\r\n', { a: 'x\ny\n', b: 'z' });
test('tabs stand in block scalars', gives, 'a: |\n  x\n  \ty\n', { a: 'x\n\ty\n' });
test('"=" is an ordinary scalar', gives, 'a: =\n', { a: '=' });
test('a negative number', gives, 'version: -1\n', { version: -1 });
test('unknown tags are ignored', gives, 'a: !what x\nb: !!python/name:y z\n', { a: 'x', b: 'z' });
test('no merge keys', gives, 'a: &x {b: 1}\nc: {<<: *x}\n', { a: { b: 1 }, c: { '<<': { b: 1 } } });
test('yes and no are texts', gives, 'a: yes\nb: no\n', { a: 'yes', b: 'no' });
test('aliases', gives, 'a: &x 1\nb: *x\n', { a: 1, b: 1 });
test('an empty text', gives, '', null);
test('only a comment', gives, '# nothing\n', null);
test('a very long line', gives, `a: ${'x'.repeat(500_000)}\n`, { a: 'x'.repeat(500_000) });
test(
  'sixty levels',
  gives,
  `${'['.repeat(60)}1${']'.repeat(60)}`,
  JSON.parse(`${'['.repeat(60)}1${']'.repeat(60)}`),
);

// The specification wants continuation lines deeper than their parent; the servers' parsers do not.
test('single quotes, continued at the key', gives, "a:\n  b: 'x\n  y'\n  c: 1\n", { a: { b: 'x y', c: 1 } });
test('double quotes, continued in the first column', gives, 'a:\n  b: "x\ny"\n', { a: { b: 'x y' } });
test('a closing quote in the first column', gives, "a:\n- b: 'x\n\n  it''s\n'\n- 2\n", {
  a: [{ b: "x\nit's " }, 2],
});
test('escaped quotes', gives, 'a:\n  b: "x \\" \\\\\ny"\n', { a: { b: 'x " \\ y' } });
test('several of them', gives, 'a:\n  b: "x\ny"\n  c: "x\ny"\n  d: 1\n', { a: { b: 'x y', c: 'x y', d: 1 } });
test('quotes in plain and block scalars', gives, "a:\n  b: it's\n  c: |\n    it's\n  d: 'x\ny'\n", {
  a: { b: "it's", c: "it's\n", d: 'x y' },
});

function faultOf(t: ExecutionContext, text: string, maxBytes?: number): PackferryError {
  const error = t.throws(() => read(text, maxBytes), { instanceOf: PackferryError });
  t.is(error.code, 'E_PACK_INVALID');
  return error;
}

const refuses = test.macro((t, text: string, place: string) => {
  const error = faultOf(t, text);
  const [first] = error.errors.length === 0 ? [error] : error.errors;
  t.true(first?.message.startsWith(`x.yml:${place}: `), first?.message);
});

test('a quote that never ends', refuses, 'a: "x\nb: y\n', '3:1');
test('a tab as indentation', refuses, 'a:\n\tb: 1\n', '2:1');
test('a duplicate key', refuses, 'a: 1\nb:\n  c: 1\n  d: 2\n  "c": 3\n', '5:3');
test('a second document', refuses, 'a: 1\n---\nb: 2\n', '2:1');
test('deep flow nesting does not bring the process down', refuses, '['.repeat(100_000), '1:66');
test('deep block nesting does not bring the process down', refuses, '- '.repeat(10_000), '1:130');

test('every mistake is reported', (t) => {
  const error = faultOf(t, 'a: 1\na: 2\nb: 1\nb: 2\n');
  t.deepEqual(
    error.errors.map(({ message }) => message.split(': ')[0]),
    ['x.yml:2:1', 'x.yml:4:1'],
  );
});

test('aliases that multiply are refused', (t) => {
  const levels = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]\n`);
  t.regex(faultOf(t, `a0: &a0 [x]\n${levels.join('')}`).message, /alias/);
});

test('an alias without anchor is refused', (t) => {
  t.regex(faultOf(t, 'a: *b\n').message, /^x\.yml: .*alias/);
});

test('a text over the limit is refused', (t) => {
  t.regex(faultOf(t, 'a: 1234567', 5).message, /limit/);
});

test('fifty thousand keys take no quadratic time', (t) => {
  const text = Array.from({ length: 50_000 }, (_, n) => `k${n}: 1\n`).join('');
  t.is(Object.keys(read(text).value ?? {}).length, 50_000);
});

test('positions of values and keys', (t) => {
  const file = read('\uFEFFa: 1\r\nb:\r\n  - c: "x"\r\n    d: !t &e y\r\n');
  t.deepEqual(file.locate(['a']), { line: 1, column: 4 });
  t.deepEqual(file.locate(['b', 0, 'c']), { line: 3, column: 8 });
  t.deepEqual(file.locate(['b', 0, 'd']), { line: 4, column: 14 });
  t.deepEqual(file.locateKey(['b', 0, 'd']), { line: 4, column: 5 });
  t.deepEqual(file.locate(['b', 0, 'missing']), { line: 3, column: 5 });
  t.deepEqual(file.locate([]), { line: 1, column: 1 });
});

test('positions stay right below a quoted text that was mended', (t) => {
  const file = read("a:\n  b: 'x\ny'\n  c: z\n");
  t.deepEqual(file.locate(['a', 'c']), { line: 4, column: 6 });
});

test('a position below an alias is that of the nearest parent', (t) => {
  t.deepEqual(read('a: &x {b: 1}\nc: *x\n').locate(['c', 'b']), { line: 2, column: 4 });
});
