import test from 'ava';
import { parseYaml } from '../../src/core/yaml.ts';
import { rewriteScalar } from '../../src/pack/update-scalar.ts';
import { errorOf } from '../helpers/pack-folder.ts';

const from = 'demisto/python3:3.10.5.31928';
const to = 'demisto/python3:3.10.14.100715';
const inScript = ['script', 'dockerimage'];

const rewrites = test.macro({
  exec: (t, text: string, path: readonly string[] = ['dockerimage']) => {
    t.is(rewriteScalar(text, 'x.yml', { path, from, to }), text.replace(from, to));
  },
  title: (what) => `rewrite: ${what ?? ''}`,
});
test('plain', rewrites, `name: a\ndockerimage: ${from}\nscript: '-'\n`);
test('at the end, without a line end', rewrites, `name: a\ndockerimage: ${from}`);
test('at the beginning, behind a byte order mark', rewrites, `\uFEFFdockerimage: ${from}\n`);
test('below a byte order mark', rewrites, `\uFEFFname: ä\ndockerimage: ${from}\n`);
test('single quotes', rewrites, `dockerimage: '${from}'\n`);
test('double quotes', rewrites, `dockerimage: "${from}"   # why\n`);
test('line ends of Windows', rewrites, `name: a\r\ndockerimage: ${from}\r\nx: 1\r\n`);
test('a comment behind it', rewrites, `dockerimage: ${from} # was 3.8\n`);
test('spaces behind it', rewrites, `dockerimage:    ${from}   \nx: 1\n`);
test('a tabulator behind it', rewrites, `dockerimage: ${from}\t# c\n`);
test('on the next line', rewrites, `dockerimage:\n  ${from}\nx: 1\n`);
test('in an integration', rewrites, `script:\n    script: ''\n    dockerimage: ${from}\n`, inScript);
test('in flow style', rewrites, `{name: a, script: {dockerimage: ${from}, type: python}}\n`, inScript);
test('with quoted keys', rewrites, `"dockerimage": ${from}\n`);
test('behind a document marker', rewrites, `# c\n---\ndockerimage: ${from}\n...\n`);
test('among characters of four bytes', rewrites, `name: "𝔘 ﬀ"\ndockerimage: ${from} # 𝔘\n`);
test(
  'below a quoted text with little indentation',
  rewrites,
  `script:\n  script: "a\n\nb\n c"\n  dockerimage: ${from}\n`,
  inScript,
);
test(
  'below 300 KB of code that speaks of the image, too',
  rewrites,
  `name: a\nscript: |-\n  x = 'y'\n${'  # an image = some: code\n'.repeat(12_000)}  dockerimage: x\ndockerimage: ${from}\n`,
);

const refuses = test.macro({
  async exec(t, text: string, place: string, path: readonly string[] = ['dockerimage']) {
    const error = await errorOf(t, 'E_PACK_INVALID', () => rewriteScalar(text, 'x.yml', { path, from, to }));
    t.true(error.message.startsWith(`x.yml:${place}: `), error.message);
  },
  title: (what) => `rewrite: refused: ${what ?? ''}`,
});
test('a literal block', refuses, `dockerimage: |-\n  ${from}\n`, '1:14');
test('a folded block', refuses, `dockerimage: >-\n  ${from}\n`, '1:14');
test('an anchor', refuses, `dockerimage: &a ${from}\nother: *a\n`, '1:17');
test('an alias', refuses, `other: &a ${from}\ndockerimage: *a\n`, '2:14');
test('a tag', refuses, `dockerimage: !!str ${from}\n`, '1:20');
test('escapes', refuses, `dockerimage: "demisto\\x2Fpython3:3.10.5.31928"\n`, '1:14');
test('a quoted text over two lines', refuses, `dockerimage: "demisto/\\\n  python3:3.10.5.31928"\n`, '1:14');
test('something else', refuses, 'dockerimage: demisto/other:1\n', '1:14');
test(
  'a mapping that is used twice',
  refuses,
  `other: &a\n  dockerimage: ${from}\nscript: *a\n`,
  '3:9',
  inScript,
);
test(
  'a mapping that others repeat',
  refuses,
  `script: &a\n  dockerimage: ${from}\nother: *a\n`,
  '2:16',
  inScript,
);

test('rewrite: a value that would read otherwise is refused', async (t) => {
  const change = { path: ['dockerimage'], from, to: 'demisto/python3:1 # c' };
  await errorOf(t, 'E_PACK_INVALID', () => rewriteScalar(`dockerimage: ${from}\n`, 'x.yml', change));
});

/** A generator of numbers that is the same on every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function pick<T>(next: (below: number) => number, choices: readonly T[]): T {
  const choice = choices[next(choices.length)];
  if (choice === undefined) throw new Error('nothing to choose from');
  return choice;
}

/** An item as people write it, in one of many ways. */
function someItem(seed: number): { readonly text: string; readonly path: readonly string[] } {
  const next = numbers(seed);
  const isIntegration = next(2) === 0;
  const end = pick(next, ['\n', '\r\n']);
  const indent = isIntegration ? ' '.repeat(1 + next(7)) : '';
  const quote = pick(next, ['', "'", '"']);
  const space = (): string => ' '.repeat(1 + next(4));
  const filler = (): string[] =>
    Array.from({ length: next(4) }, (_, at) =>
      pick(next, [
        '',
        `# comment ${at} ${from}`,
        `${indent}key${next(1_000_000)}: "${pick(next, ['ä', '𝔘', '日本', 'a: b', '\\u0041 \\"'])}"`,
        `${indent}text${next(1_000_000)}: |${end}${indent}  dockerimage: ${from}${end}${indent}  # no comment`,
        `${indent}list${next(1_000_000)}:${end}${indent}- 1${end}${indent}- {a: [x, '${from}']}`,
        `${indent}number${next(1_000_000)}: ${pick(next, ['0x1F', '1e3', '.nan', '~', 'yes', '2020-01-01'])}`,
      ]),
    );
  const tail = pick(next, ['', space(), `${space()}# ${from}`, `${space()}#ünï`]);
  const lines = [
    ...(next(3) === 0 ? ['---'] : []),
    'commonfields: {id: A, version: -1}',
    ...(isIntegration ? [`script:${pick(next, ['', ' # code'])}`, `${indent}type: python`] : ["script: '-'"]),
    ...filler(),
    `${indent}${pick(next, ['dockerimage', '"dockerimage"'])}:${space()}${quote}${from}${quote}${tail}`,
    ...filler(),
    ...(next(2) === 0 ? ['name: A'] : []),
  ];
  const text = `${next(3) === 0 ? '\uFEFF' : ''}${lines.join(end)}${next(3) === 0 ? '' : end}`;
  return { text, path: isIntegration ? inScript : ['dockerimage'] };
}

test('rewrite: of any item only that value changes, and no byte outside of it', (t) => {
  const options = { name: 'x.yml', code: 'E_PACK_INVALID', maxBytes: 1_000_000 } as const;
  for (let seed = 1; seed <= 400; seed += 1) {
    const { text, path } = someItem(seed);
    const written = rewriteScalar(text, 'x.yml', { path, from, to });
    const before = parseYaml(text, options);
    const after = parseYaml(written, options);
    before.document.setIn(path, to);
    t.deepEqual(after.value, before.document.toJS(), text);
    const at = Array.from(written, (_, place) => place).find((place) => text[place] !== written[place]) ?? 0;
    const start = text.lastIndexOf('demisto/python3:', at);
    t.is(`${text.slice(0, start)}${to}${text.slice(start + from.length)}`, written);
  }
});
