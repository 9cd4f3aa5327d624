import test from 'ava';
import { limits } from '../../../src/core/limits.ts';
import { ChunkedBody } from '../../../src/registry/http/chunked.ts';

function read(text: string, size = text.length): { content: string; rest: string; isComplete: boolean } {
  const body = new ChunkedBody();
  const bytes = Buffer.from(text, 'latin1');
  let [content, rest] = ['', ''];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    rest += body.take(piece, (part) => (content += part.toString('latin1'))).toString('latin1');
  }
  return { content, rest, isComplete: body.isComplete };
}

test('chunks: the content is the same, however it is cut', (t) => {
  const text = '5\r\nhello\r\nA;x="1"\r\n, 12345678\r\n00\r\nTrailer: 1\r\n\r\nHTTP';
  for (let size = 1; size <= text.length; size += 1) {
    t.deepEqual(read(text, size), { content: 'hello, 12345678', rest: 'HTTP', isComplete: true });
  }
});

test('chunks: without the empty one at the end it is not complete', (t) => {
  t.false(read('5\r\nhello\r\n').isComplete);
  t.false(read('5\r\nhello\r\n0\r\n').isComplete);
});

const refused = test.macro({
  exec(t, text: string) {
    for (const size of [1, text.length]) t.throws(() => read(text, size), { code: 'HTTP_MALFORMED' });
  },
  title: (title) => `chunks, refused: ${title ?? ''}`,
});

test('no size', refused, 'hello\r\n');
test('a negative size', refused, '-5\r\nhello\r\n');
test('a size with a prefix', refused, '0x5\r\nhello\r\n');
test('a size beyond what numbers hold', refused, 'FFFFFFFFFFFFFFFF\r\n');
test('a chunk that is longer than announced', refused, '5\r\nhello!\r\n');
test('a line that ends with LF only', refused, '5\nhello\n');
test('a line without end', refused, `5;${'x'.repeat(limits.answerLine)}`);
test('trailers without end', refused, `0\r\n${'Trailer: 1\r\n'.repeat(limits.answerHead / 8)}`);
