import type { Mutation } from '../target.ts';
import { anyBytes, splice } from './bytes.ts';

/** Numbers as texts write them. */
export const numbers: readonly string[] = [
  ...[
    '0',
    '-0',
    '-1',
    '1',
    '007',
    '+1',
    '0x10',
    '1e9',
    '1e309',
    '-1e309',
    '0.1',
    '1.10',
    '1_000',
    'NaN',
    'Infinity',
  ],
  ...['255', '256', '65536', '2147483647', '2147483648', '4294967295', '4294967296', '9007199254740991'],
  ...['9007199254740993', '18446744073709551616', '99999999999999999999999999999999'],
];

const words: readonly string[] = [
  ...[
    '',
    ' ',
    '\n',
    '\r\n',
    '\r',
    '\t',
    '\0',
    '\u001b[31m',
    '\u202e',
    '\ufeff',
    '\u2028',
    'é',
    '\u212a',
    '\u017f',
    'ﷺ',
  ],
  ...[
    '"',
    "'",
    '`',
    '\\',
    '/',
    '..',
    '../',
    '/etc/passwd',
    '~',
    '-',
    '--',
    '-v',
    '*',
    '?',
    '[',
    ']',
    '{',
    '}',
    '<',
    '>',
  ],
  ...[
    '$(id)',
    '${x}',
    '`id`',
    '%00',
    '%2e%2e',
    '&',
    '|',
    ';',
    '#',
    '@',
    ':',
    ',',
    '=',
    '!',
    '__proto__',
    'constructor',
  ],
  ...['null', 'true', 'undefined', 'sha256:', 'sha512:', 'Bearer', 'Basic', 'x'.repeat(300)],
];

const insertWord: Mutation = (input, random) =>
  splice(input, random(input.length + 1), random(3), words[random(words.length)] ?? '');

/** One of the numbers in the text becomes another. */
const changeNumber: Mutation = (input, random) => {
  const text = input.toString('latin1');
  const found = [...text.matchAll(/\d+/g)];
  const chosen = found[random(Math.max(1, found.length))];
  return chosen === undefined
    ? input
    : splice(input, chosen.index, chosen[0].length, numbers[random(numbers.length)]);
};

const onLines =
  (change: (lines: string[], at: number, to: number) => void): Mutation =>
  (input, random) => {
    const lines = input.toString('latin1').split('\n');
    change(lines, random(lines.length), random(lines.length));
    return Buffer.from(lines.join('\n'), 'latin1');
  };

const lineChanges: readonly Mutation[] = [
  onLines((lines, at) => lines.splice(at, 1)),
  onLines((lines, at, to) => lines.splice(to, 0, lines[at] ?? '')),
  onLines((lines, at, to) => lines.splice(to, 0, ...lines.splice(at, 1))),
  onLines((lines, at) => (lines[at] = `  ${lines[at] ?? ''}`)),
  onLines((lines, at) => (lines[at] = (lines[at] ?? '').trimStart())),
];

const crlf: Mutation = (input) => Buffer.from(input.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');

/** Changes for texts. */
export const anyText: readonly Mutation[] = [
  ...anyBytes,
  ...[insertWord, insertWord, insertWord, changeNumber, changeNumber],
  ...lineChanges,
  crlf,
];
