import test from 'ava';
import { formatSums, parseSums } from '../../src/bundle/sums.ts';
import { PackferryError } from '../../src/core/errors.ts';

const a = 'a'.repeat(64);
const b = 'b'.repeat(64);

test('what is written is read again', (t) => {
  const sums = new Map([
    ['images-001.tar', a],
    ['README.txt', b],
  ]);
  t.is(formatSums(sums), `${b}  README.txt\n${a}  images-001.tar\n`);
  t.deepEqual(new Map([...parseSums(formatSums(sums))].sort()), new Map([...sums].sort()));
});

const refused = test.macro({
  exec: (t, text: string) => {
    t.throws(() => parseSums(text), { instanceOf: PackferryError, code: 'E_BUNDLE_MALFORMED' });
  },
  title: (name) => `refused: ${name ?? ''}`,
});

test('no line feed at the end', refused, `${a}  x`);
test('an empty list', refused, '');
test('an empty line', refused, `${a}  x\n\n`);
test('CRLF', refused, `${a}  x\r\n`);
test('upper-case digits', refused, `${a.toUpperCase()}  x\n`);
test('one space', refused, `${a} x\n`);
test('the mark of binary mode', refused, `${a} *x\n`);
test('the tag format', refused, `SHA256 (x) = ${a}\n`);
test('an absolute path', refused, `${a}  /etc/passwd\n`);
test('a path upwards', refused, `${a}  ../x\n`);
test('standard input', refused, `${a}  -\n`);
test('an option', refused, `${a}  -rf\n`);
test('a hidden file', refused, `${a}  .x\n`);
test('not sorted', refused, `${a}  y\n${b}  x\n`);
test('a name twice', refused, `${a}  x\n${b}  x\n`);
test('the list itself', refused, `${a}  SHA256SUMS\n`);
test('a signature of the list', refused, `${a}  SHA256SUMS.sig\n`);
test('a comment', refused, `# hello\n${a}  x\n`);
test('63 digits', refused, `${a.slice(1)}  x\n`);
test('an escaped name', refused, `\\${a}  x\\n\n`);
