import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import test from 'ava';
import { programHash } from '../../src/cli/program-hash.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { projectRoot } from '../helpers/cli.ts';
import { execOk, execTool } from '../helpers/system-exec.ts';

/** bin/load-program.js. */
interface Loader {
  readonly loadProgram: (file: string) => {
    readonly program: { readonly main: () => string };
    readonly script: Script;
  };
  readonly keepCompiled: (file: string, script: Script) => void;
}

const loaderUrl = pathToFileURL(path.join(projectRoot, 'bin/load-program.js')).href;
const { loadProgram, keepCompiled } = (await import(loaderUrl)) as Loader;

const built = path.join(projectRoot, 'dist/program');

/** What a Node that is started so says of loading this file: is what V8 had compiled of it used (false), refused by V8 (true) or not given to it? */
async function loadedBy(file: string, ...flags: string[]): Promise<string> {
  const work = `
    const { loadProgram } = await import(${JSON.stringify(loaderUrl)});
    const { program, script } = loadProgram(${JSON.stringify(file)});
    console.log(typeof program.main, script.cachedDataRejected);
  `;
  return (await execTool(process.execPath, [...flags, '--input-type=module', '--eval', work])).stdout.trim();
}

const source = (word: string): string =>
  `(function (module, exports) { exports.main = () => { const say = () => '${word}'; return say(); }; })`;

/** Runs with a small program, and what V8 compiled of it when it ran beside it. */
async function withProgram(use: (file: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'main.cjs');
    await writeFile(file, source('old'));
    const { program, script } = loadProgram(file);
    program.main();
    keepCompiled(file, script);
    await use(file);
  });
}

test('what V8 compiled of the program is used, by a Node with the same flags only', async (t) => {
  const file = path.join(built, 'cli/main.cjs');
  t.is(await loadedBy(file), 'function false');
  // V8 compiles otherwise with other flags.
  t.is(await loadedBy(file, '--no-lazy'), 'function true');
});

test('what was compiled of an older program of the same length is not run, though V8 would run it', async (t) => {
  await withProgram(async (file) => {
    t.false(loadProgram(file).script.cachedDataRejected);
    await writeFile(file, source('new'));

    const cachedData = (await readFile(`${file}.compiled`)).subarray(32);
    const trusting = new Script(source('new'), { filename: file, cachedData });
    t.false(trusting.cachedDataRejected, 'V8 sees no difference');
    const exports: { main?: () => string } = {};
    (trusting.runInThisContext() as (...given: unknown[]) => void)({ exports }, exports);
    t.is(exports.main?.(), 'old', 'and what runs is not what the file says');

    const { program, script } = loadProgram(file);
    t.is(script.cachedDataRejected, undefined, 'it was not given to V8');
    t.is(program.main(), 'new');
  });
});

test('what was compiled and has changed by a bit, was cut or lengthened never reaches V8', async (t) => {
  await withProgram(async (file) => {
    const bytes = await readFile(`${file}.compiled`);
    const passedOver = async (changed: Buffer, what: string): Promise<void> => {
      await writeFile(`${file}.compiled`, changed);
      const { program, script } = loadProgram(file);
      t.is(script.cachedDataRejected, undefined, what);
      t.is(program.main(), 'old', what);
    };
    for (let at = 0; at < bytes.length; at += at < 64 ? 1 : 5) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await passedOver(flipped, `a bit of byte ${at}`);
    }
    for (const length of [0, 1, 31, 32, 33, bytes.length - 1]) {
      await passedOver(bytes.subarray(0, length), `${length} bytes`);
    }
    await passedOver(Buffer.concat([bytes, Buffer.alloc(8)]), 'longer');
    await writeFile(`${file}.compiled`, bytes);
    t.false(loadProgram(file).script.cachedDataRejected);
  });
});

test('what another Node compiled, or the same on another machine, never reaches V8', async (t) => {
  await withProgram(async (file) => {
    t.is(await loadedBy(file), 'function false');
    for (const [name, value] of [
      ['version', 'v20.99.0'],
      ['arch', 'riscv64'],
      ['platform', 'aix'],
    ]) {
      const other = path.join(path.dirname(file), 'other.cjs');
      await writeFile(other, `Object.defineProperty(process, '${name}', { value: '${value}' });`);
      t.is(await loadedBy(file, '-r', other), 'function undefined', name);
    }
  });
});

test('what was compiled and cannot be read is done without', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'main.cjs');
    await writeFile(file, source('old'));
    await mkdir(`${file}.compiled`);
    t.is(loadProgram(file).program.main(), 'old');
  });
});

/** Copies what the program is made of to another folder; the packages are a link there. */
async function copySources(folder: string): Promise<void> {
  for (const name of ['package.json', 'bin/load-program.js', 'dist/src', 'dist/bin']) {
    await cp(path.join(projectRoot, name), path.join(folder, name), { recursive: true });
  }
  await symlink(path.join(projectRoot, 'node_modules'), path.join(folder, 'node_modules'));
}

/** Builds the program in a folder of its own, as a user with these settings would. Returns where it lies. */
async function buildIn(folder: string, umask: string, more: NodeJS.ProcessEnv): Promise<string> {
  const root = path.join(folder, 'packferry');
  await copySources(root);
  const temporary = path.join(folder, 'temporary');
  await mkdir(temporary);
  await execOk('sh', ['-c', `umask ${umask}; exec "$1" dist/bin/program.js`, 'sh', process.execPath], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, TMPDIR: temporary, ...more },
  });
  if ((await readdir(temporary)).length > 0) throw new Error('something is left of the runs of the build');
  return path.join(root, 'dist/program');
}

test('two builds in two folders, by users with other settings, are the same program: receipts tell one hash', async (t) => {
  await withFolder(async (folder) => {
    const [one, two] = await Promise.all([
      buildIn(path.join(folder, 'one'), '022', {}),
      buildIn(path.join(folder, 'another place'), '077', { TZ: 'Asia/Tokyo', LC_ALL: 'tr_TR.UTF-8' }),
    ]);
    const hash = await programHash(one);
    t.is(hash?.files, 2);
    t.is((await programHash(two))?.sha256, hash?.sha256);
    // As docs/receipts.md says that anybody can find it out.
    const docs = await readFile(path.join(projectRoot, 'docs/receipts.md'), 'utf8');
    const command = /`cd FOLDER && (find .*? sha256sum)` prints/.exec(docs)?.[1] ?? '';
    t.is((await execOk('sh', ['-c', command], { cwd: one })).split(' ')[0], hash?.sha256);
    // What was compiled in one folder is good in the other, for it is of the same source.
    const file = path.join(two, 'cli/main.cjs');
    t.is(await loadedBy(file), 'function false');
    await cp(path.join(one, 'cli/main.cjs.compiled'), `${file}.compiled`);
    t.is(await loadedBy(file), 'function false');
  });
});
