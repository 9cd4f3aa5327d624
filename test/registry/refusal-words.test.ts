import test from 'ava';
import { printable, wordsOf } from '../../src/registry/refusal-words.ts';

const says = test.macro({
  exec(t, body: string, text: string, codes: string[] = []) {
    t.deepEqual(wordsOf(Buffer.from(body)), { text, codes });
  },
  title: (title) => `registry's words: ${title ?? ''}`,
});

test(
  'code and message',
  says,
  '{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}',
  'DENIED: no; X',
  ['DENIED', 'X'],
);
test('plain text', says, ' go away\n', 'go away');
test('HTML is left out', says, '<html><body>404</body></html>', '');
test('JSON of another form is left out', says, '{"detail":{"a":1}}', '');
test('errors of another form', says, '{"errors":["x",null,{"code":5}]}', '');
test('escape sequences show', says, 'a\u001b[2Jb', 'a\\u{1b}[2Jb');
test('direction overrides show', says, 'a\u202eb', 'a\\u{202e}b');
test('line breaks show', says, 'a\r\nb', 'a\\u{d}\\u{a}b');

test('registry’s words: shortened', (t) => {
  t.is(printable('x'.repeat(1000)).length, 303);
});
