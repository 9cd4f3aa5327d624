import test from 'ava';
import { unifiedDiff } from '../../src/pack/update-diff.ts';

const lines = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];

const shows = test.macro({
  exec: (t, before: string, after: string, expected: readonly string[]) => {
    t.is(unifiedDiff('x.yml', before, after), ['--- x.yml', '+++ x.yml', ...expected, ''].join('\n'));
  },
  title: (what) => `diff: ${what ?? ''}`,
});

const whole = `${lines.join('\n')}\n`;
test('a line in the middle', shows, whole, whole.replace('e', 'E'), [
  '@@ -2,7 +2,7 @@',
  ...[' b', ' c', ' d', '-e', '+E', ' f', ' g', ' h'],
]);
test('the first line', shows, whole, whole.replace('a', 'A'), [
  '@@ -1,4 +1,4 @@',
  ...['-a', '+A', ' b', ' c', ' d'],
]);
test('the last line, without an end', shows, 'a\nb', 'a\nB', [
  '@@ -1,2 +1,2 @@',
  ...[' a', '-b', '\\ No newline at end of file', '+B', '\\ No newline at end of file'],
]);
test('the line before the last one, which has no end', shows, 'a\nb', 'A\nb', [
  '@@ -1,2 +1,2 @@',
  ...['-a', '+A', ' b', '\\ No newline at end of file'],
]);
test('line ends of Windows stay', shows, 'a\r\nb\r\n', 'a\r\nB\r\n', [
  '@@ -1,2 +1,2 @@',
  ...[' a\r', '-b\r', '+B\r'],
]);

test('diff: nothing between equal texts', (t) => {
  t.is(unifiedDiff('x.yml', whole, whole), '');
});
