import test, { type ExecutionContext } from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { mappingOf } from '../../src/core/mapping.ts';
import { excerptOf, parseYamlParts } from '../../src/core/yaml-parts.ts';
import { parseYaml, type YamlFile, type YamlPath } from '../../src/core/yaml.ts';
import { randomFrom, type Random } from '../helpers/random.ts';

const parts = { a: 'whole', b: 'whole', s: { a: 'whole', b: 'whole' } } as const;
const paths: readonly YamlPath[] = [['a'], ['a', 'b'], ['b'], ['s', 'a'], ['s', 'b'], ['s', 'b', 'a']];
const options = { name: 'x.yml', code: 'E_PACK_INVALID', maxBytes: 1_000_000 } as const;

function outcome(work: () => YamlFile): YamlFile | string {
  try {
    return work();
  } catch (fault) {
    if (fault instanceof PackferryError)
      return [fault, ...fault.errors].map(({ message }) => message).join('\n');
    throw fault;
  }
}

function valueAt(file: YamlFile, path: YamlPath): unknown {
  return path.reduce<unknown>((value, key) => mappingOf(value)[key], file.value);
}

function formOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value;
}

/** Compares with the parser of whole texts: each wanted value, its position, the form of `s`, or all the mistakes. */
function compare(t: ExecutionContext, text: string): void {
  const quick = outcome(() => parseYamlParts(text, parts, options));
  const full = outcome(() => parseYaml(text, options));
  if (typeof quick === 'string' || typeof full === 'string') {
    t.is(quick, full, JSON.stringify(text));
    return;
  }
  const seen = (file: YamlFile): unknown => [
    formOf(valueAt(file, ['s'])),
    ...paths.map((path) => {
      const value = valueAt(file, path);
      return value === undefined ? [] : [value, file.locate(path), file.locateKey(path)];
    }),
  ];
  t.deepEqual(seen(quick), seen(full), JSON.stringify(text));
}

const everyday = test.macro((t, text: string, kept: string) => {
  t.is(excerptOf(text, parts)?.text, kept);
  compare(t, text);
});

test('unwanted keys fall away', everyday, 'x: 1\na: 2\ny:\n  z: 3\nb: 4\n', 'a: 2\nb: 4\n');
test('lists in the column of their key', everyday, 'x:\n- a: 1\n  b: 2\n-\n  - 3\na: 4\n', 'a: 4\n');
test('keys of one wanted mapping', everyday, 's:\n  x: |\n    a: 1\n  a: 2\nb: 3\n', 's:\n  a: 2\nb: 3\n');
test('a mapping without wanted keys stays one', everyday, 's:\n  x: >-\n    a\n  y: 1\n', 's:\n  x: >-\n');
test('of a literal text only the header', everyday, 's: |-\n  a: 1\n\n  b\na: 2\n', 's: |-\na: 2\n');
test('a list in its place', everyday, 's:\n- a: 1\n', 's:\n- a: 1\n');
test('a text in its place', everyday, 's: |\n', 's: |\n');
test('no end of the last line', everyday, 'x: 1\na: 2', 'a: 2');
test('CRLF', everyday, 'x: |\r\n  y\r\na: "b\r\n  c"\r\nb: 1\r\n', 'a: "b\n  c"\nb: 1\n');
test('a byte order mark', everyday, '\uFEFFa: 1\nx: 2\n', 'a: 1\n');
test('comments and a document marker', everyday, '---\n# a: 0\nx: y # a: 0\n  # b\na: 1 # b\n', 'a: 1 # b\n');
test('quoted texts over lines', everyday, "x: 'a\n\n  b: ''1'\ny: \"c \\\n  d: \\\"\"\na: 1\n", 'a: 1\n');
test('plain texts over lines', everyday, 'x: y\n  - z\n\n  "b\na: 1\n  2\n', 'a: 1\n  2\n');
test('values on lines of their own', everyday, 'x:\n  y\n  z\na:\n  "1"\n', 'a:\n  "1"\n');
test('lists of words', everyday, 'x: [y, z w, "a: 1", \'b\']\ny: {}\na: [1]\n', 'a: [1]\n');

const leaves = test.macro((t, text: string) => {
  t.is(excerptOf(text, parts), undefined);
  compare(t, text);
});

test('left to the full parser: an anchor', leaves, 'x: &y 1\na: *y\n');
test('left to the full parser: a tag', leaves, 'x: !y 1\na: 1\n');
test('left to the full parser: a merge key', leaves, 'a: 1\n<<: {b: 2}\n');
test('left to the full parser: a quoted key', leaves, 'x: 1\n"a": 2\n');
test('left to the full parser: a number as key', leaves, '1: 1\na: 2\n');
test('left to the full parser: keys that are null', leaves, 'x:\n  null: 1\n  Null: 2\na: 1\n');
test('left to the full parser: an explicit key', leaves, '? a\n: 1\n');
test('left to the full parser: a flow mapping', leaves, 'x: {y: 1}\na: 1\n');
test('left to the full parser: a flow list over lines', leaves, 'x: [\n  1\n]\na: 1\n');
test('left to the full parser: JSON', leaves, '{"a": 1}');
test('left to the full parser: an indentation indicator', leaves, 'x: |1\n  y\na: 1\n');
test('left to the full parser: an indented outermost mapping', leaves, '  a: 1\n');
test('left to the full parser: a list', leaves, '- a: 1\n');
test('left to the full parser: a text', leaves, 'a');
test('left to the full parser: nothing that is wanted', leaves, 'x: 1\n');
test('left to the full parser: a tab behind a value', leaves, 'x: y\t# z\na: 1\n');
test('left to the full parser: a second document', leaves, 'a: 1\n---\nb: 2\n');
test('left to the full parser: deep nesting', leaves, `a: 1\nx:\n${'- '.repeat(40)}1\n`);
test('broken: a key twice', leaves, 'a: 1\nx:\n  y: 1\n  y: 2\n');
test('broken: a quote that never ends', leaves, 'a: 1\nx: "y\nb: 2\n');
test('a quoted text that goes on in the first column', leaves, 'x: "y\na: 1"\nb: 2\n');
test('broken: a list of words that is not closed', leaves, 'x: [y\na: 1\nb: 2\n');
test('broken: an unknown escape', leaves, 'a: 1\nx: "\\d"\n');
test('broken: two colons in a line', leaves, 'a: 1\nx: y: z\n');
test('broken: deeper than its neighbours', leaves, 'a: 1\n  b: 2\n');
test('broken: less deep than its neighbours', leaves, 'a: 1\nx:\n    y: 1\n  z: 2\n');
test('broken: a text among keys', leaves, 'a: 1\nx\nb: 2\n');
test('broken: a wide blank line before a literal text', leaves, 'a: 1\nx: |\n    \n  y\n');
test('broken: a tab as indentation', leaves, 'a: 1\nx:\n\ty: 1\n');

test('a text over the limit is refused', (t) => {
  const error = t.throws(() => parseYamlParts('a: 123', parts, { ...options, maxBytes: 5 }));
  t.true(error instanceof PackferryError && error.code === 'E_PACK_INVALID');
});

test('the place of a mistake is that in the whole text', (t) => {
  const file = parseYamlParts('x: |\n  1\n  2\na: 1\ny: 1\n\nb:   2\n', parts, options);
  t.deepEqual(file.locate(['b']), { line: 7, column: 6 });
  t.deepEqual(file.locateKey(['b']), { line: 7, column: 1 });
});

test('a hundred thousand quoted texts take no time that grows with their square', (t) => {
  const text = `x:\n${'- "a"\n'.repeat(100_000)}a: "\\n"\n`;
  t.is(excerptOf(text, parts)?.text, 'a: "\\n"\n');
});

const keys = [...'a a b b s s s x y z c d e f g h i j'.split(' '), 'y-1', 'long.key', 'other key', 'null'];
const scalars = [
  '1',
  'text',
  '404',
  'a/b:1',
  'no',
  '"x"',
  "'it''s'",
  '"q: \\" #"',
  '=',
  '-1',
  'a b # c',
  '[]',
  '[a, "b"]',
  '{}',
  '',
  '~',
  'x: y',
];
const lines = [
  'more text',
  'and more',
  'of it',
  '# comment',
  '- item',
  '',
  '   ',
  "it's",
  '"half',
  'key: v',
  '\ttab',
];

/** A mapping in many styles, most of them right. */
function mapping(random: Random, indent: number): string {
  const pad = ' '.repeat(indent);
  const entry = (): string => {
    const key = `${pad}${keys[random(keys.length)]}:`;
    const deep = `${pad}${' '.repeat(1 + random(3))}`;
    const further = (): string => `${deep}${lines[random(lines.length)]}\n`;
    const some = (make: () => string): string => Array.from({ length: random(4) }, make).join('');
    if (indent > 8) return `${key} 1\n`;
    return (
      [
        () => `${key} ${scalars[random(scalars.length)]}\n`,
        () => `${key} ${['|', '>-', '|+', '| # c', '|2'][random(5)]}\n${some(further)}`,
        () => `${key} text\n${some(further)}`,
        () => `${key} "text\n${some(further)}${deep}end"\n`,
        () => `${key}\n${mapping(random, deep.length)}`,
        () => `${key}\n${some(() => `${pad}${' '.repeat(random(2))}- ${scalars[random(scalars.length)]}\n`)}`,
        () => `${key}\n${some(() => `${deep}- ${mapping(random, deep.length + 2).trimStart()}`)}`,
      ][random(7)]?.() ?? ''
    );
  };
  return Array.from({ length: 1 + random(4) }, entry).join('');
}

const slips = [
  ' ',
  '\n',
  '"',
  "'",
  ':',
  ' #',
  '- ',
  '|',
  '[',
  '}',
  '&a ',
  '\t',
  '\n---\n',
  '\\',
  '\r',
  '\u0002',
];

function withSlip(random: Random, text: string): string {
  const at = random(text.length);
  return text.slice(0, at) + (slips[random(slips.length)] ?? '') + text.slice(at + random(2));
}

test('what is read quickly is what the full parser reads, in thousands of texts, right and wrong', (t) => {
  const random = randomFrom(20_261_123);
  let quick = 0;
  let left = 0;
  for (let round = 0; round < 15_000; round += 1) {
    let text = mapping(random, 0);
    for (let slip = random(2); slip > 0; slip -= 1) text = withSlip(random, text);
    if (excerptOf(text, parts) === undefined) {
      left += 1;
    } else {
      quick += 1;
      compare(t, text);
    }
  }
  t.log(`${quick} read quickly, ${left} left to the full parser`);
  t.true(quick > 1000 && left > 1000);
});
