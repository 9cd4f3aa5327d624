import type { Mutation } from '../target.ts';
import { splice } from './bytes.ts';
import { anyText } from './text.ts';

const parts: readonly string[] = [
  ...[
    '- ',
    ': ',
    '? ',
    '| ',
    '|+1\n',
    '>-\n',
    '&a ',
    '*a',
    '!!binary ',
    '!x ',
    '<<: *a\n',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
  ],
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '# ',
    '\n\n',
    '\t',
    '= ',
    '~',
    'on',
    '0o17',
    '0x1F',
    '1_0',
    '.inf',
    '2001-01-01',
  ],
  ...[
    'a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n',
    'x: &x [*x]\n',
    `${'- '.repeat(80)}x\n`,
    `${'['.repeat(80)}\n`,
  ],
  ...['k: v\nk: w\n', '? [a, b]\n: c\n', '"a\n b": c\n', '\\u0000', '__proto__: x\n', 'dockerimage: $(id)\n'],
];

const insertPart: Mutation = (input, random) => {
  const at =
    random(2) === 0 ? random(input.length + 1) : input.lastIndexOf('\n', random(input.length + 1)) + 1;
  return splice(input, at, 0, parts[random(parts.length)] ?? '');
};

/** Changes for YAML. */
export const anyYaml: readonly Mutation[] = [...anyText, ...Array.from({ length: 6 }, () => insertPart)];
