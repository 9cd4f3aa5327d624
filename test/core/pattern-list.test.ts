import test from 'ava';
import { matchesPatternList, parsePatternList } from '../../src/core/pattern-list.ts';

const matches = test.macro({
  exec: (t, list: string, value: string, expected: boolean) => {
    const parsed = parsePatternList(list);
    t.is(parsed !== undefined && matchesPatternList(parsed, value), expected);
  },
  title: (_given, list: string, value: string, expected: boolean) =>
    `${JSON.stringify(list)} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(value)}`,
});

test(matches, 'a', 'a', true);
test(matches, 'a', 'A', false);
test(matches, 'a', 'ab', false);
test(matches, 'ab', 'a', false);
test(matches, '*', '', true);
test(matches, '*', 'anything', true);
test(matches, '?', '', false);
test(matches, '?', 'x', true);
test(matches, '?', 'xy', false);
test(matches, 'a*', 'a', true);
test(matches, 'a**', 'a', true);
test(matches, '*b', 'aab', true);
test(matches, '*ab', 'aaab', true);
test(matches, 'a*b*c', 'a-b-b-c', true);
test(matches, 'a*b*c', 'a-b-b-d', false);
test(matches, '*a?', 'aab', true);
test(matches, 'a.c', 'abc', false);
test(matches, '[a]', 'a', false);
test(matches, 'a,b', 'b', true);
test(matches, 'a,b', 'c', false);
test(matches, 'a,b', 'a,b', false);
test(matches, '*,!b', 'a', true);
test(matches, '*,!b', 'b', false);
test(matches, '!b,*', 'b', false);
test(matches, '!*,b', 'b', false);
test(matches, 'a!b', 'a!b', true);
test(matches, '!!b,*', '!b', false);

test('many wildcards do not take long', (t) => {
  const list = parsePatternList(`${'*a'.repeat(500)}b`);
  t.false(list !== undefined && matchesPatternList(list, 'a'.repeat(5000)));
});
