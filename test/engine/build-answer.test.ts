import { Readable } from 'node:stream';
import test from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { readBuildAnswer } from '../../src/engine/build-answer.ts';

const id = `sha256:${'a'.repeat(64)}`;
const read = async (
  lines: readonly unknown[],
): Promise<{ readonly id: string; readonly printed: readonly string[] }> => {
  const text = lines
    .map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\r\n`))
    .join('');
  const printed: string[] = [];
  const found = await readBuildAnswer(Readable.from([Buffer.from(text)]), 'acme/tool:1', (line) =>
    printed.push(line),
  );
  return { id: found, printed };
};

test("Docker's answer: lines cut anywhere, the ID beside them", async (t) => {
  const answer = await read([
    { stream: 'Step 1/2 : FROM x' },
    { stream: '\n' },
    { stream: ' ---> 123\nCollecting req' },
    { stream: 'uests\r\n  10%\r  20%\n' },
    { aux: { ID: id } },
    { stream: 'Successfully built aaaaaaaaaaaa\n' },
  ]);
  t.is(answer.id, id);
  t.deepEqual(
    answer.printed,
    ['Step 1/2 : FROM x', ' ---> 123', 'Collecting requests', '  10%', '  20%'].concat(
      'Successfully built aaaaaaaaaaaa',
    ),
  );
});

test("an old Podman's answer tells the start of the ID only", async (t) => {
  t.is((await read([{ stream: 'Successfully built aaaaaaaaaaaa\n' }])).id, 'a'.repeat(12));
});

const fails = test.macro({
  async exec(t, lines: readonly unknown[], code: ErrorCode, words: RegExp) {
    const error = await t.throwsAsync(read(lines), { instanceOf: PackferryError });
    t.is(error.code, code);
    t.regex(`${error.message} ${error.hint ?? ''}`, words);
    t.false(error.message.includes('\u001b'));
  },
  title: (what) => `a build that fails: ${what}`,
});
const refusal = { errorDetail: { code: 1, message: "The command 'pip install x' returned 1" }, error: 'x' };
test(
  'with the words of pip',
  fails,
  [{ stream: '\u001b[31mERROR: No matching distribution found for x\u001b[0m\n' }, refusal],
  'E_BUILD_FAILED',
  /returned 1; before that: .*No matching distribution found for x.*pip download/,
);
test(
  'by a wheel that is not the one that was meant',
  fails,
  [
    {
      stream:
        'Step 2/3 : RUN ["pip"]\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n',
    },
    refusal,
  ],
  'E_BUILD_FAILED',
  /before that: ERROR: THESE PACKAGES .*exchanged/,
);
test(
  'without a network',
  fails,
  [{ stream: 'Temporary failure in name resolution\n' }, refusal],
  'E_BUILD_FAILED',
  /--wheels DIR/,
);
test(
  'for want of space',
  fails,
  [{ stream: 'OSError: [Errno 28] No space left on device\n' }, refusal],
  'E_TARGET_FULL',
  /Free space/,
);
test(
  'in words that only stand in the error',
  fails,
  [{ error: 'externally-managed-environment' }],
  'E_BUILD_FAILED',
  /--package python3-NAME/,
);
test('without an ID', fails, [{ stream: 'Step 1/1 : FROM x\n' }], 'E_BUILD_FAILED', /without the ID/);
test(
  'with an ID that is none',
  fails,
  [{ aux: { ID: '../../x' } }, { stream: 'Successfully built ../x\n' }],
  'E_BUILD_FAILED',
  /without the ID/,
);
test('cut off', fails, ['{"stream":"Step'], 'E_ENGINE_PROTOCOL', /no progress line/);

test('a program that prints without end is not kept', async (t) => {
  const lines = Array.from({ length: 2000 }, () => ({ stream: 'x'.repeat(5000) }));
  const error = await t.throwsAsync(read([...lines, { stream: '\n' }, refusal]), {
    instanceOf: PackferryError,
  });
  t.true(error.message.length < 3000, String(error.message.length));
});
