import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { limits } from '../../../src/core/limits.ts';
import { readRecipe, type WrittenRecipe } from '../../../src/flows/build/recipe.ts';
import { readWheels } from '../../../src/flows/build/wheels.ts';
import { tempDir } from '../../helpers/compose.ts';

const { signal } = new AbortController();
const written: WrittenRecipe = {
  ...{ name: 'acme/tool:1.0', base: 'demisto/python3:3.12', python: ['requests'], requirements: [] },
  ...{ packages: [], checks: true },
};
const faultsOf = async (work: Promise<unknown>): Promise<readonly string[]> => {
  const error = await work.then(
    () => undefined,
    (fault: unknown) => fault,
  );
  if (!(error instanceof PackferryError)) throw new Error('no PackferryError', { cause: error });
  const all = error.errors.length === 0 ? [error] : error.errors;
  return all.map(({ code, message, hint }) => `${code} ${message} | ${hint ?? 'NO HINT'}`);
};

test('everything that is wrong with a recipe is told at once', async (t) => {
  const faults = await faultsOf(
    readRecipe(
      {
        ...{ ...written, name: 'Acme/Tool', base: 'x y', python: ['a b', 'ok'], packages: ['-y'] },
        ...{ packageManager: 'brew', indexUrl: 'https://user:secret@pypi.example/simple' },
        requirements: ['/nonexistent/r.txt'],
      },
      signal,
    ),
  );
  t.is(faults.length, 7, faults.join('\n'));
  t.false(faults.join('\n').includes('secret'));
  t.false(faults.slice(0, 3).join('\n').includes('NO HINT'));
});

const refused = test.macro({
  async exec(t, more: Partial<WrittenRecipe>, words: RegExp) {
    const faults = await faultsOf(readRecipe({ ...written, ...more }, signal));
    t.is(faults.length, 1, faults.join('\n'));
    t.regex(faults[0] ?? '', words);
  },
  title: (what) => `refused: ${what}`,
});
const digest = `sha256:${'1'.repeat(64)}`;
test('nothing to install', refused, { python: [] }, /^E_BUILD_INVALID .*nothing is to be installed/);
test('a name with a digest', refused, { name: `acme/tool@${digest}` }, /^E_BUILD_INVALID .*no digest/);
test('an index with a query', refused, { indexUrl: 'https://pypi.example/?a=b' }, /^E_BUILD_INVALID/);
test('an index that is a file', refused, { indexUrl: 'file:///etc' }, /^E_BUILD_INVALID/);
test('an index with a line break', refused, { indexUrl: 'https://a.example/\nRUN id' }, /^E_BUILD_INVALID/);

test('a requirements file that is not there comes with what to give instead', async (t) => {
  const reading = readRecipe({ ...written, requirements: ['/nonexistent/r.txt'] }, signal);
  const error = await t.throwsAsync(reading, { instanceOf: PackferryError, code: 'E_BUILD_INVALID' });
  const told = [error, ...error.errors].map(({ hint = '' }) => hint).join(' ');
  t.regex(told, /pip install --requirement/);
});

test('hashes of some requirements only are refused before pip would', async (t) => {
  const file = path.join(await tempDir(t), 'r.txt');
  await writeFile(file, `idna==3.10 --hash=sha256:${'a'.repeat(64)}\n`);
  const faults = await faultsOf(readRecipe({ ...written, requirements: [file] }, signal));
  t.regex(faults.join('\n'), /^E_BUILD_INVALID .*hashes, requests not/);
  const whole = await readRecipe({ ...written, python: [], requirements: [file] }, signal);
  t.is(whole.python.length, 1);
});

test('a folder of wheels in the order of the names, each with its digest', async (t) => {
  const dir = await tempDir(t);
  for (const name of [
    'b-1-py3-none-any.whl',
    'B-1-py3-none-any.whl',
    'a_b-1.0-1-cp312-abi3-linux_x86_64.whl',
  ])
    await writeFile(path.join(dir, name), name);
  const wheels = await readWheels(dir, signal);
  t.deepEqual(
    wheels.map(({ name }) => name),
    ['B-1-py3-none-any.whl', 'a_b-1.0-1-cp312-abi3-linux_x86_64.whl', 'b-1-py3-none-any.whl'],
  );
  t.regex(wheels[0]?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
});

test('what is no wheel in the folder is refused, all of it, and not passed over', async (t) => {
  const dir = await tempDir(t);
  const bad = [
    ...['requests-2.0.tar.gz', 'x.whl', '-r-1-py3-none-any.whl', 'a-1-py3-none-any.whl.exe', '.hidden'],
    ...[
      'a-1-py3-none-any\nRUN id.whl',
      'a$b-1-py3-none-any.whl',
      'a"-1-py3-none-any.whl',
      'a b-1-py3-none-any.whl',
    ],
  ];
  for (const name of bad) await writeFile(path.join(dir, name), '');
  await mkdir(path.join(dir, 'folder-1-py3-none-any.whl'));
  await symlink('/etc/passwd', path.join(dir, 'link-1-py3-none-any.whl'));
  await writeFile(path.join(dir, 'large-1-py3-none-any.whl'), '');
  await truncate(path.join(dir, 'large-1-py3-none-any.whl'), limits.wheel + 1);
  const faults = await faultsOf(readWheels(dir, signal));
  t.is(faults.length, bad.length + 3, faults.join('\n'));
  t.true(faults.every((fault) => fault.startsWith('E_BUILD_INVALID ') && !fault.includes('NO HINT')));
});

test('a folder without wheels, or none at all', async (t) => {
  const dir = await tempDir(t);
  t.regex((await faultsOf(readWheels(dir, signal)))[0] ?? '', /^E_BUILD_INVALID .*no wheel in it/);
  t.regex(
    (await faultsOf(readWheels(path.join(dir, 'gone'), signal)))[0] ?? '',
    /^E_BUILD_INVALID .*gone, does not exist/,
  );
});
