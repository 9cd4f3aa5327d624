import test from 'ava';
import { globFault, isGlob, matchesGlob } from '../../src/core/glob.ts';

const matches = test.macro((t, pattern: string, text: string) => {
  t.true(matchesGlob(pattern, text));
});
const differs = test.macro((t, pattern: string, text: string) => {
  t.false(matchesGlob(pattern, text));
});

test('plain text', matches, 'a/b', 'a/b');
test('plain text is no beginning', differs, 'a/b', 'a/bc');
test('a dot is a dot', differs, 'a.b', 'axb');
test('a star', matches, 'demisto/ml:*', 'demisto/ml:1.0.0.5');
test('a star takes nothing too', matches, 'a*', 'a');
test('a star stays between slashes', differs, 'a*', 'a/b');
test('two stars in a name', matches, '*-*', 'py3-tools');
test('a star that has to give back', matches, '*ab', 'aabab');
test('a question mark', matches, 'a?c', 'abc');
test('a question mark takes no slash', differs, 'a?c', 'a/c');
test('a question mark takes a whole character', matches, 'a?c', 'a\u{1F600}c');
test('a set', matches, '[abc]1', 'b1');
test('a range', matches, '[a-c]1', 'b1');
test('outside a range', differs, '[a-c]1', 'd1');
test('a dash at the end of a set', matches, '[a-]', '-');
test('not in a set', matches, '[!a]', 'b');
test('not in a set, but there', differs, '[!a]', 'a');
test('a star in brackets is a star', differs, 'a[*]', 'ab');
test('a closing bracket at first', matches, '[]]', ']');
test('folders', matches, '**/x', 'a/b/x');
test('no folder', matches, '**/x', 'x');
test('folders in the middle', matches, 'a/**/x', 'a/b/c/x');
test('folders that have to give back', matches, '**/a/*', 'a/a/a/b');
test('folders at the end', matches, 'a/**', 'a/b/c');
test('folders do not end inside a name', differs, '**/x', 'a/bx');

test('what is a pattern', (t) => {
  t.deepEqual(['a', 'a*', '?', '[a]', '**'].map(isGlob), [false, true, true, true, true]);
});

test('what is wrong with a pattern', (t) => {
  t.is(globFault('a/*/[a-z]/**'), undefined);
  t.truthy(globFault('a[b'));
  t.truthy(globFault('a**'));
});

test('a pattern that would make a regular expression try for ever', (t) => {
  t.false(matchesGlob(`${'*a'.repeat(40)}b`, 'a'.repeat(2000)));
  t.false(matchesGlob(`${'**/a/'.repeat(40)}b`, 'a/'.repeat(2000)));
});

// A second way to say what matches, by recursion over all possibilities, on all short texts.
const alphabet = ['a', 'b', '/'];
function texts(length: number, letters: readonly string[]): string[] {
  if (length === 0) return [''];
  const shorter = texts(length - 1, letters);
  const longest = shorter.filter((text) => text.length === length - 1);
  return [...shorter, ...longest.flatMap((text) => letters.map((letter) => text + letter))];
}

function slowly(pattern: string, text: string): boolean {
  const [first, rest] = [pattern.slice(0, 1), pattern.slice(1)];
  if (first === '') return text === '';
  if (first === '*') {
    return slowly(rest, text) || (text !== '' && !text.startsWith('/') && slowly(pattern, text.slice(1)));
  }
  const fits = text !== '' && (first === '?' ? !text.startsWith('/') : text.startsWith(first));
  return fits && slowly(rest, text.slice(1));
}

test('all short patterns on all short texts', (t) => {
  const samples = texts(5, alphabet);
  const patterns = texts(4, [...alphabet, '*', '?']).filter((pattern) => !pattern.includes('**'));
  const wrong = patterns.flatMap((pattern) =>
    samples
      .filter((text) => matchesGlob(pattern, text) !== slowly(pattern, text))
      .map((text) => [pattern, text]),
  );
  t.deepEqual(wrong, []);
});
