import { Readable } from 'node:stream';
import test from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { readLoadAnswer } from '../../src/engine/load-answer.ts';

const image = 'docker.io/demisto/sample:1.0';

function answer(lines: readonly unknown[]): Readable {
  return Readable.from(lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)));
}

const accepts = test.macro(async (t, lines: readonly unknown[]) => {
  await t.notThrowsAsync(readLoadAnswer(answer(lines), image));
});

const progress = {
  status: 'Loading layer',
  progressDetail: { current: 512, total: 1024 },
  progress: '[=>  ]',
  id: 'c0ffee',
};
const loaded = { stream: `Loaded image: ${image}\n` };

test('Docker: progress and the image', accepts, [progress, progress, loaded]);
test('an image without a name', accepts, [{ stream: `Loaded image ID: sha256:${'a'.repeat(64)}\n` }]);
test('Podman: one object for all', accepts, [{ stream: 'Loaded image: a:1,b:1' }]);
test('Podman before 4', accepts, [{ stream: 'Loaded image(s): a:1\n' }]);
test('words after the image that are no fault', accepts, [loaded, { stream: 'Done\n' }]);

const fails = test.macro(
  async (t, lines: readonly unknown[], code: ErrorCode, words: string, hint?: RegExp) => {
    const error = await t.throwsAsync(readLoadAnswer(answer(lines), image), {
      instanceOf: PackferryError,
      code,
    });
    t.true(error.message.includes(image), 'names the image');
    t.true(error.message.includes(words), error.message);
    if (hint === undefined) t.is(error.hint, undefined);
    else t.regex(error.hint ?? '', hint);
  },
);

const errorLine = (message: string): unknown => ({ errorDetail: { message }, error: message });

test('nothing at all', fails, [], 'E_LOAD_FAILED', 'without saying', /log/);
test('progress and then the end', fails, [progress], 'E_LOAD_FAILED', 'without saying', /log/);
test('an error line inside 200', fails, [progress, errorLine('kaputt')], 'E_LOAD_FAILED', 'said: kaputt');
test('an error line after success', fails, [loaded, errorLine('kaputt')], 'E_LOAD_FAILED', 'said: kaputt');
test('an error without detail', fails, [{ error: 'kaputt' }], 'E_LOAD_FAILED', 'said: kaputt');
test('an empty error', fails, [{ error: '' }], 'E_LOAD_FAILED', 'said: nothing');
test(
  'containerd store: the unpacking fails after success',
  fails,
  [loaded, { stream: `Error unpacking image ${image}: content digest sha256:ab: not found\n` }],
  'E_LOAD_FAILED',
  'Error unpacking image',
  /Run again/,
);
test(
  'a layer that vanished',
  fails,
  [errorLine(`open /var/lib/docker/tmp/docker-import-1/blobs/sha256/ab: no such file or directory`)],
  'E_LOAD_FAILED',
  'no such file',
  /Run again/,
);
test(
  'a config that contradicts the layers',
  fails,
  [errorLine('invalid diffID for layer 0: expected "a", got "b"')],
  'E_LOAD_FAILED',
  'invalid diffID',
  /Export the image again/,
);
test(
  'a config with more layers than the manifest',
  fails,
  [errorLine('invalid manifest, layers length mismatch: expected 1, got 2')],
  'E_LOAD_FAILED',
  'length mismatch',
  /Export the image again/,
);
test(
  'a full disk',
  fails,
  [errorLine('Error processing tar file(exit status 1): write /blobs/x: no space left on device')],
  'E_TARGET_FULL',
  'no space left',
  /Free space/,
);
test('a line of another shape', fails, [['Loaded image: x']], 'E_ENGINE_PROTOCOL', 'Loaded', /socket/);
test('escape sequences stay out of the message', async (t) => {
  const lines = [{ error: '\u001b[2Jgone\r\n\u202egnp.exe\u009b' }];
  const error = await t.throwsAsync(readLoadAnswer(answer(lines), image), { code: 'E_LOAD_FAILED' });
  t.notRegex(error.message, /[\p{Cc}\p{Cf}]/u);
});
test('long words are cut', async (t) => {
  const error = await t.throwsAsync(readLoadAnswer(answer([{ error: 'x'.repeat(100_000) }]), image));
  t.true(error.message.length < 2000);
});
test('text that is no JSON', async (t) => {
  await t.throwsAsync(readLoadAnswer(Readable.from([Buffer.from('Loaded image: x\n')]), image), {
    code: 'E_ENGINE_PROTOCOL',
  });
});
