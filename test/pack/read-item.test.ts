import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { readItem } from '../../src/pack/read-item.ts';

const image = 'demisto/python3:3.12.13.11694875';
const common = 'commonfields:\n  id: Id\n  version: -1\n';

interface Read {
  readonly kind: string;
  readonly name?: string;
  readonly type?: string;
  readonly image?: string;
}

const reads = test.macro((t, text: string, expected: Read | undefined) => {
  const item = readItem(text, 'x.yml');
  t.deepEqual(
    item && { kind: item.kind, name: item.name, type: item.type?.value, image: item.dockerimage?.value },
    expected && { name: undefined, type: undefined, image: undefined, ...expected },
  );
});

test('a split script', reads, `${common}name: X\nscript: '-'\ntype: python\ndockerimage: ${image}\n`, {
  ...{ kind: 'script', name: 'X', type: 'python', image },
});
test('a script with an empty code', reads, `${common}name: X\nscript: ''\ntype: powershell\n`, {
  ...{ kind: 'script', name: 'X', type: 'powershell' },
});
test('a script with no code', reads, `${common}name: X\nscript:\ntype: python\n`, {
  ...{ kind: 'script', name: 'X', type: 'python' },
});
test('a unified script', reads, `${common}name: X\nscript: |\n  return 1;\ntype: javascript\n`, {
  ...{ kind: 'script', name: 'X', type: 'javascript' },
});
test('an integration', reads, `${common}name: X\nscript:\n  type: python\n  dockerimage: ${image}\n`, {
  ...{ kind: 'integration', name: 'X', type: 'python', image },
});
test(
  'keys at the wrong level do not count',
  reads,
  `${common}name: X\ndockerimage: a:1\nscript:\n  type: python\n`,
  {
    ...{ kind: 'integration', name: 'X', type: 'python' },
  },
);
test('an integration in JSON', reads, '{"commonfields": {"id": "X"}, "script": {"type": "python"}}', {
  ...{ kind: 'integration', name: 'X', type: 'python' },
});
test('no commonfields but a name and a language', reads, 'name: X\nscript: x\ntype: python\n', {
  ...{ kind: 'script', name: 'X', type: 'python' },
});
test('no name but an id', reads, `${common}script: ''\n`, { kind: 'script', name: 'Id' });
test('a number as name', reads, `${common}name: 404\nscript: ''\n`, { kind: 'script', name: '404' });
test('neither name nor id', reads, "commonfields: {}\nscript: ''\n", { kind: 'script' });
test('an empty image', reads, `${common}name: X\nscript: ''\ndockerimage: ''\n`, {
  kind: 'script',
  name: 'X',
});
test('an image without value', reads, `${common}name: X\nscript: ''\ndockerimage:\n`, {
  kind: 'script',
  name: 'X',
});
test('a comment behind the image', reads, `${common}name: X\nscript: ''\ndockerimage: ${image} # old\n`, {
  ...{ kind: 'script', name: 'X', image },
});
test('an image by alias', reads, `${common}name: X\nscript: ''\ntags: [&i ${image}]\ndockerimage: *i\n`, {
  ...{ kind: 'script', name: 'X', image },
});
test('an unknown tag', reads, `${common}name: X\nscript: !code x\ntimeout: 3µs\n`, {
  kind: 'script',
  name: 'X',
});

test('a playbook', reads, 'id: x\nname: X\ntasks:\n  "0":\n    task: {script: y}\n', undefined);
test('a playbook whose keys are quoted', reads, '"id": x\n"name": X\n"tasks": {}\n', undefined);
test('a build file with a script of its own', reads, 'language: node_js\nscript: npm test\n', undefined);
test('a job with a script and a name', reads, 'name: ci\nscript: [make]\n', undefined);
test('a rule', reads, 'id: x\nname: X\nrules: ""\nschema: ""\n', undefined);
test('a list', reads, '- script: x\n', undefined);
test('a text', reads, '"script"', undefined);
test('nothing', reads, '', undefined);
test('broken YAML that has no script', reads, 'name: "x\nfoo: }\n', undefined);

const refuses = test.macro((t, text: string, place: string) => {
  const error = t.throws(() => readItem(text, 'dir/x.yml'), { instanceOf: PackferryError });
  t.is(error.code, 'E_PACK_INVALID');
  t.true(error.message.startsWith(`dir/x.yml:${place}: `), error.message);
});

test('an image that is a number', refuses, "commonfields: {}\nscript: ''\ndockerimage: 3.1\n", '3:14');
test('an image that is a list', refuses, "commonfields: {}\nscript: ''\ndockerimage: [a]\n", '3:14');
test('a type that is a mapping', refuses, 'commonfields: {}\nscript:\n  type: {a: b}\n', '3:9');
test('broken YAML', refuses, 'commonfields: {}\nscript: }\n', '2:9');
test('two images', refuses, "commonfields: {}\nscript: ''\ndockerimage: a\ndockerimage: b\n", '4:1');
test(
  'an image behind a merge key',
  refuses,
  'a: &a {dockerimage: x}\nscript:\n  <<: *a\n  type: python\n',
  '3:3',
);
test('a script behind a merge key', refuses, 'a: &a\n  script: x\n<<: *a\n', '3:1');

test('line and column are those of the value', (t) => {
  const item = readItem(
    `\uFEFF${common}script:\r\n    type:   python\r\n    dockerimage: "${image}"\r\n`,
    'x.yml',
  );
  t.like(item?.type, { line: 5, column: 13 });
  t.like(item?.dockerimage, { line: 6, column: 18 });
});

test('numbers in lists count as they are written: 8.10 is not 8.1', (t) => {
  const text = `${common}name: X\nscript: ''\nnativeimage: [8.10, 08.6, 0x8]\nalt_dockerimages: ["", a:1, ~, 3.10]\n`;
  const item = readItem(text, 'x.yml');
  t.deepEqual(
    item?.native?.map(({ value }) => value),
    ['8.10', '08.6', '0x8'],
  );
  t.deepEqual(
    item?.alternatives.map(({ index, value, column }) => [index, value, column]),
    [
      [1, 'a:1', 24],
      [3, '3.10', 32],
    ],
  );
});

test('lists of what is neither text nor number are refused', (t) => {
  for (const list of ['nativeimage: [true]', 'nativeimage: [[8.8]]', 'alt_dockerimages: [{a: b}]']) {
    const error = t.throws(() => readItem(`${common}name: X\nscript: ''\n${list}\n`, 'x.yml'), {
      instanceOf: PackferryError,
    });
    t.regex(error.message, /^x\.yml:6:\d+: (?:nativeimage|alt_dockerimages)\[0\] must be a text$/);
  }
});

test(
  'code that is a number to YAML',
  reads,
  `${common}name: X\nscript: 5\ntype: python\ndockerimage: ${image}\n`,
  {
    ...{ kind: 'script', name: 'X', type: 'python', image },
  },
);
test('code that is a truth to YAML', reads, `${common}name: X\nscript: true\ntype: powershell\n`, {
  ...{ kind: 'script', name: 'X', type: 'powershell' },
});
test(
  'a script that names an image and has no trace of its code',
  reads,
  `${common}name: X\ntype: python\ndockerimage: ${image}\n`,
  { kind: 'script', name: 'X', type: 'python', image },
);
test(
  'a list in place of the code is no script',
  reads,
  `${common}name: X\nscript: [a]\ntype: python\n`,
  undefined,
);
test('an item of another kind, with a language', reads, `${common}name: X\ntype: python\n`, undefined);
