import { copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { projectRoot } from '../helpers/cli.ts';
import { execTool } from '../helpers/system-exec.ts';

const scripts = ['packferry.js', 'setup.js'];

/** Runs with a copy of the launchers, as in a fresh clone: nothing is installed or compiled. */
async function withClone(use: (bin: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const bin = path.join(folder, 'bin');
    await mkdir(bin);
    for (const name of [...scripts, 'check-node.js', 'load-program.js']) {
      await copyFile(path.join(projectRoot, 'bin', name), path.join(bin, name));
    }
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    await use(bin);
  });
}

test('packferry before the build says that it has to be built, without a stack', async (t) => {
  await withClone(async (bin) => {
    const { status, stdout, stderr } = await execTool(process.execPath, [path.join(bin, 'packferry.js')]);
    t.is(status, 1);
    t.is(stdout, '');
    t.true(stderr.includes('npm run build'), stderr);
    t.false(/^\s+at /m.test(stderr), stderr);
  });
});

for (const script of scripts) {
  test(`${script} on an older Node says which one it needs, and goes no further`, async (t) => {
    await withClone(async (bin) => {
      const older = path.join(bin, 'older.cjs');
      const versions = JSON.stringify({ ...process.versions, node: '20.9.0' });
      await writeFile(older, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
      const { status, stderr } = await execTool(process.execPath, ['-r', older, path.join(bin, script)]);
      t.is(status, 2, stderr);
      t.deepEqual(stderr.split('\n'), ['packferry needs Node 20.19 or later; this is 20.9.0.', '']);
    });
  });
}

test('packferry runs the files that load faster, but not when the compiler has run since they were made', async (t) => {
  await withClone(async (bin) => {
    const dist = path.join(bin, '../dist');
    await mkdir(path.join(dist, 'src/cli'), { recursive: true });
    await writeFile(path.join(dist, 'src/cli/main.js'), "export const main = () => console.log('src');");
    await mkdir(path.join(dist, 'program/cli'), { recursive: true });
    const whole = path.join(dist, 'program/cli/main.cjs');
    await writeFile(whole, "(function (module, exports) { exports.main = () => console.log('program'); })");
    const said = async (): Promise<string> => {
      const { stdout } = await execTool(process.execPath, [path.join(bin, 'packferry.js')]);
      return stdout.trim();
    };
    t.is(await said(), 'program', 'as installed: nothing says when the compiler ran');

    const compiled = path.join(dist, '.tsbuildinfo');
    await writeFile(compiled, '');
    await utimes(compiled, 1000, 1000);
    t.is(await said(), 'program');
    await utimes(whole, 900, 900);
    t.is(await said(), 'src');
  });
});

test('what an engine is asked by loads neither gRPC nor ssh2, which dockerode would', async (t) => {
  const program = path.join(projectRoot, 'dist/program/cli');
  const licences = await readFile(path.join(program, 'licences.txt'), 'utf8');
  t.true(licences.includes('\ndockerode '), 'its licence is there, as it is');
  t.notRegex(licences, /^(?:@grpc\/|protobufjs|ssh2 )/m);
  for (const name of await readdir(program)) {
    const text = await readFile(path.join(program, name), 'utf8');
    // The modules that are packferry's own load ssh2 as modules do, and run only where they are needed.
    t.notRegex(text, /(?<!__toESM\()require\d*\("ssh2|require\d*\("(?:@grpc|protobufjs|dockerode)/, name);
  }
});
