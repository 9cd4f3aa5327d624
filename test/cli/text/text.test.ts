import test from 'ava';
import { colours } from '../../../src/cli/text/colours.ts';
import { count } from '../../../src/cli/text/plural.ts';
import { table } from '../../../src/cli/text/table.ts';
import { visible, visibleLines } from '../../../src/cli/text/visible.ts';
import { MemoryOutput } from '../../helpers/cli-run.ts';

const shown = test.macro({
  exec(t, text: string, expected: string) {
    t.is(visible(text), expected);
  },
  title: (what) => `made visible: ${what}`,
});
test('ESC', shown, '\u001b[31mred', '\\u{1b}[31mred');
test('carriage return', shown, 'good\rbad', 'good\\u{d}bad');
test('line feed, which could begin a line that seems to be ours', shown, 'a\nerror: b', 'a\\u{a}error: b');
test('C1: the CSI of one byte', shown, 'a\u009b2J', 'a\\u{9b}2J');
test('bidirectional override', shown, 'a\u202etxt', 'a\\u{202e}txt');
test('bidirectional isolate', shown, 'a\u2066txt', 'a\\u{2066}txt');
test('Arabic letter mark', shown, 'a\u061cb', 'a\\u{61c}b');
test('line separator', shown, 'a\u2028b', 'a\\u{2028}b');
test('zero-width space', shown, 'a\u200bb', 'a\\u{200b}b');
test('invisible tag characters', shown, 'a\u{e0041}b', 'a\\u{e0041}b');
test('letters of all kinds stay', shown, 'Ünïcode 画像 🐳', 'Ünïcode 画像 🐳');

test('of a text of several lines the line feeds stay', (t) => {
  t.is(visibleLines('a\nb\tc'), 'a\nb\\u{9}c');
});

test('one is singular, none and many are plural', (t) => {
  t.deepEqual(
    [0, 1, 2].map((number) => count(number, 'image')),
    ['0 images', '1 image', '2 images'],
  );
});

test('a table aligns its columns, ends no line with spaces, and stays one line per row', (t) => {
  const rows = [
    { name: 'a', size: 5 },
    { name: 'longer\nname', size: 1234 },
  ];
  const text = table(rows, [
    { title: 'NAME', value: ({ name }) => name },
    { title: 'SIZE', align: 'right', value: ({ size }) => String(size) },
    { title: 'NOTE', value: () => '' },
  ]);
  t.deepEqual(text.split('\n'), [
    'NAME             SIZE  NOTE',
    'a                   5',
    'longer\\u{a}name  1234',
  ]);
});

const coloured = test.macro({
  exec(t, isTTY: boolean, env: Record<string, string>, expected: boolean) {
    const { red } = colours({ env, stderr: new MemoryOutput(isTTY) });
    t.is(red('x') !== 'x', expected);
  },
  title: (what) => `colours ${what}`,
});
test('on a terminal', coloured, true, {}, true);
test('not off it', coloured, false, {}, false);
test('not with NO_COLOR', coloured, true, { NO_COLOR: '1' }, false);
test('although NO_COLOR is empty', coloured, true, { NO_COLOR: '' }, true);
test('not on a dumb terminal', coloured, true, { TERM: 'dumb' }, false);
test('off a terminal with FORCE_COLOR', coloured, false, { FORCE_COLOR: '1' }, true);
