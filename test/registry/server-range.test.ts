import test from 'ava';
import { wantedRange } from '../../src/registry/server-range.ts';

type Expected = 'all' | 'none' | [from: number, end: number];

const wants = test.macro<[expected: Expected, size?: number]>({
  exec(t, expected, size = 10) {
    const header = t.title.split(': ').at(-1)?.split(' of ')[0];
    const range = wantedRange(header, size);
    t.deepEqual(range.kind === 'part' ? [range.from, range.end] : range.kind, expected);
  },
  title: (title) => `range: ${title ?? ''}`,
});

test('bytes=0-', wants, [0, 10]);
test('bytes=4-', wants, [4, 10]);
test('bytes=4-6', wants, [4, 7]);
test('bytes=9-9', wants, [9, 10]);
test('bytes=4-99', wants, [4, 10]);
test('bytes=-3', wants, [7, 10]);
test('bytes=-99', wants, [0, 10]);
test('bytes=10-', wants, 'none');
test('bytes=-0', wants, 'none');
test('bytes=0- of an empty blob', wants, 'none', 0);
test('bytes=6-4', wants, 'none');
test('bytes=-', wants, 'all');
test('bytes=0-1,4-5', wants, 'all');
test('lines=0-1', wants, 'all');
test('bytes=a-b', wants, 'all');
test('no header: all', (t) => {
  t.is(wantedRange(undefined, 10).kind, 'all');
});
