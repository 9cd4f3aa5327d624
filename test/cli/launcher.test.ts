import { copyFile, mkdir, writeFile } from 'node:fs/promises';
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
    for (const name of [...scripts, 'check-node.js']) {
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
