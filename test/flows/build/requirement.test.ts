import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { checkOsPackage } from '../../../src/flows/build/os-package.ts';
import { parseRequirement } from '../../../src/flows/build/requirement.ts';
import { parseRequirementsFile } from '../../../src/flows/build/requirements-file.ts';

const reads = test.macro({
  exec(t, written: string, canonical: string) {
    t.deepEqual(parseRequirement(written), { text: canonical, hashes: [] });
    // What was written in the one way is read as itself.
    t.is(parseRequirement(canonical).text, canonical);
  },
  title: (_, written: string) => `a requirement: ${written}`,
});
test(reads, 'requests', 'requests');
test(reads, ' requests == 2.32.3 ', 'requests==2.32.3');
test(reads, 'requests[socks, use-chardet]>=2.31 , <3', 'requests[socks,use-chardet]>=2.31,<3');
test(reads, 'zope.interface~=5.0', 'zope.interface~=5.0');
test(reads, 'Django!=4.*', 'Django!=4.*');
test(reads, 'torch==2.4.0+cpu', 'torch==2.4.0+cpu');
test(reads, 'a===1!2.0.post1', 'a===1!2.0.post1');
test(reads, 'tomli;python_version<"3.11"', "tomli ; python_version < '3.11'");
test(
  reads,
  'x ; ( os_name == "posix" or "linux" in sys_platform ) and extra not in \'a b\'',
  "x ; (os_name == 'posix' or 'linux' in sys_platform) and extra not in 'a b'",
);

const refuses = test.macro({
  exec(t, written: string) {
    const error = t.throws(() => parseRequirement(written), { instanceOf: PackferryError });
    t.is(error.code, 'E_BUILD_INVALID');
    t.not(error.hint, undefined);
  },
  title: (_, written) => `no requirement: ${JSON.stringify(written).slice(0, 80)}`,
});
for (const written of [
  ...[
    '',
    ' ',
    '-',
    '==1.0',
    'requests==',
    'requests=2',
    'requests 2',
    'a,b',
    'requests>=1,',
    'requests[',
    'x[]',
  ],
  ...[
    '-r other.txt',
    '--index-url=https://evil.example',
    '-e .',
    './local',
    '../x.whl',
    '/etc/passwd',
    'x.whl',
    'x.tar.gz',
  ],
  ...['pkg @ https://evil.example/x.whl', 'git+https://evil.example/x', 'https://evil.example/x.whl'],
  // What would be a second instruction, a variable, a comment, another word or a turned line.
  ...[
    'requests\nRUN id',
    'requests\r\nUSER root',
    'requests\\',
    'requests$HOME',
    'requests${x}',
    'requests`id`',
  ],
  ...[
    'requests"]\nRUN ["id',
    'requests#x',
    'requests&&id',
    'requests|id',
    'requests>out',
    "requests'",
    'requests\u2028x',
  ],
  ...[
    'requests\u0000',
    'requests\u001b[31m',
    'r\u0435quests',
    'requests\u202e',
    'requests ==1.0 --hash=sha256:00',
  ],
  ...[
    'x ; python_version',
    'x ; python_version < 3.8',
    'x ; nothing == "1"',
    'x ; os_name == "a\nb"',
    'x ; ',
  ],
  ...[
    'x ; os_name == "$HOME"',
    'x ; os_name == "a" or',
    'x ; (os_name == "a"',
    "x ; os_name == 'a\"b'",
    'x ; a;b',
  ],
  `x${'x'.repeat(600)}`,
  `x ; ${'('.repeat(100)}os_name == "a"${')'.repeat(100)}`,
])
  test(refuses, written);

const hash = 'a'.repeat(64);
const other = 'b'.repeat(64);

test('a requirements file: comments, lines that go on, hashes, Windows line ends', (t) => {
  const text = [
    '\uFEFF# written by pip-compile',
    'requests==2.32.3 \\',
    `    --hash=sha256:${hash} \\`,
    `    --hash=sha256:${other}`,
    '    # via -r requirements.in',
    '',
    `idna==3.10 --hash=sha256:${hash}  # a comment \\`,
    `tomli==2.0 ; python_version < "3.11" --hash=sha256:${hash}`,
  ].join('\r\n');
  t.deepEqual(parseRequirementsFile(text, 'r.txt'), [
    { text: 'requests==2.32.3', hashes: [hash, other] },
    { text: 'idna==3.10', hashes: [hash] },
    { text: "tomli==2.0 ; python_version < '3.11'", hashes: [hash] },
  ]);
});

test('every wrong line of a requirements file is told, with its number', (t) => {
  const text = [
    'requests',
    '-r other.txt',
    'a \\',
    '--no-binary :all:',
    'x --hash=md5:00',
    'y @ file:///x',
  ].join('\n');
  const error = t.throws(() => parseRequirementsFile(text, 'r.txt'), { instanceOf: PackferryError });
  t.is(error.code, 'E_BUILD_INVALID');
  t.deepEqual(
    error.errors.map(({ message }) => /^r\.txt:\d+/.exec(message)?.[0]),
    ['r.txt:2', 'r.txt:3', 'r.txt:5', 'r.txt:6'],
  );
});

test("a list with commas, as the vendor's command takes them, is told apart in the hint", (t) => {
  for (const written of [
    'requests==2.32.3,pandas',
    'requests==2.32.3 pandas',
    ' requests==2.32.3, pandas ',
  ]) {
    const error = t.throws(() => parseRequirement(written), { instanceOf: PackferryError });
    t.true(error.hint?.includes("--python 'requests==2.32.3' --python 'pandas'"), error.hint);
  }
  const error = t.throws(() => checkOsPackage('libxml2=2.13, curl'), { instanceOf: PackferryError });
  t.true(error.hint?.includes("--package 'libxml2=2.13' --package 'curl'"), error.hint);
  const other = t.throws(() => parseRequirement('requests and more!'), { instanceOf: PackferryError });
  t.regex(other.hint ?? '', /^Write it as NAME/);
});
