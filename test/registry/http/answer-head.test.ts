import test from 'ava';
import { limits } from '../../../src/core/limits.ts';
import {
  framingOf,
  HeadReader,
  idleTimeOf,
  type AnswerHead,
} from '../../../src/registry/http/answer-head.ts';

/** Reads a head that comes in pieces of so many bytes. */
function read(text: string, size = text.length): { head: AnswerHead; rest: string } | undefined {
  const reader = new HeadReader();
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) {
    const taken = reader.take(bytes.subarray(at, at + size));
    if (taken === undefined) continue;
    return { head: taken.head, rest: taken.rest.toString('latin1') + bytes.toString('latin1', at + size) };
  }
  return undefined;
}

test('a head is the same, however it is cut', (t) => {
  const text =
    'HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nX-A:\r\nx-b: \t1 2 \r\nX-B: 3\r\n\r\nabc';
  const whole = read(text);
  t.is(whole?.head.status, 206);
  t.deepEqual({ ...whole?.head.headers }, { 'content-length': '3', 'x-a': '', 'x-b': ['1 2', '3'] });
  t.is(whole?.rest, 'abc');
  for (let size = 1; size < text.length; size += 1) t.deepEqual(read(text, size), whole);
});

const refused = test.macro({
  exec(t, text: string) {
    const framing = (): unknown => {
      const taken = read(text);
      return taken === undefined ? 'more is needed' : framingOf(taken.head, 'GET');
    };
    t.throws(framing, { code: 'HTTP_MALFORMED' });
  },
  title: (title) => `refused: ${title ?? ''}`,
});

const ok = 'HTTP/1.1 200 OK\r\n';
test('another protocol', refused, 'SSH-2.0-OpenSSH_9.2\r\n');
test('another version', refused, 'HTTP/2.0 200 OK\r\n\r\n');
test('a status that is none', refused, 'HTTP/1.1 20 OK\r\n\r\n');
test('a line that ends with LF only', refused, `${ok}A: 1\nB: 2\r\n\r\n`);
test('a header in two lines', refused, `${ok}A: 1\r\n 2\r\n\r\n`);
test('a blank before the colon', refused, `${ok}Content-Length : 5\r\n\r\n`);
test('a header without a name', refused, `${ok}: 5\r\n\r\n`);
test('NUL in a header', refused, `${ok}A: 1\0\r\n\r\n`);
test('CR in a header', refused, `${ok}A: 1\r2\r\n\r\n`);
test('two lengths', refused, `${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`);
test('length and chunks', refused, `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`);
test('a negative length', refused, `${ok}Content-Length: -5\r\n\r\n`);
test('a list as length', refused, `${ok}Content-Length: 5, 5\r\n\r\n`);
test('a length beyond what numbers hold', refused, `${ok}Content-Length: 99999999999999999999\r\n\r\n`);
test('a compressed transfer', refused, `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`);
test('a head without end', refused, `${ok}${'A: 1\r\n'.repeat(limits.answerHead / 6)}`);
test('one that ends too late', refused, `${ok}A: ${'1'.repeat(limits.answerHead)}\r\n\r\n`);

test('how bodies end', (t) => {
  const framing = (lines: string, method = 'GET'): unknown => {
    const taken = read(`HTTP/1.1 ${lines}\r\n\r\n`);
    return taken === undefined ? 'nothing' : framingOf(taken.head, method);
  };
  t.deepEqual(framing('200 OK\r\nContent-Length: 0'), { bytes: 0 });
  t.is(framing('200 OK\r\nTransfer-Encoding: Chunked'), 'chunked');
  t.is(framing('200'), 'until-end');
  t.is(framing('200 OK\r\nContent-Length: 5', 'HEAD'), undefined);
  t.is(framing('204 No Content'), undefined);
  t.is(framing('304 Not Modified\r\nContent-Length: 5'), undefined);
});

test('how long a connection may stand idle', (t) => {
  const idle = (lines: string): number | undefined => {
    const taken = read(`${lines}\r\n\r\n`);
    return taken && idleTimeOf(taken.head);
  };
  t.is(idle('HTTP/1.1 200 OK'), 4000);
  t.is(idle('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=3, max=9'), 2000);
  t.is(idle('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=600'), 4000);
  t.is(idle('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1'), 0);
  t.is(idle('HTTP/1.1 200 OK\r\nConnection: Upgrade, Close'), 0);
  t.is(idle('HTTP/1.0 200 OK'), 0);
});
