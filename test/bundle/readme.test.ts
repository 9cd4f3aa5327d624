import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';
import { execTool } from '../helpers/system-exec.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

test(
  'README.txt names a check of the sums that busybox knows too',
  needing(['busybox'], async (t) => {
    await withBundleFixture(async (fixture) => {
      const dir = path.join(fixture.folder, 'bundle');
      await fixture.write(dir);
      const text = await readFile(path.join(dir, 'README.txt'), 'utf8');
      const commands = text.match(/(?<=^ {4})sha256sum .*$/gm) ?? [];
      const results = await Promise.all(
        commands.map((command) =>
          execTool(systemTools().path('busybox'), command.split(' '), { cwd: dir }).then(
            ({ status }) => status,
          ),
        ),
      );
      t.true(results.includes(0), text);
    });
  }),
);

test('README.txt says where the engine has the digest of the config, and where that of the manifest', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir);
    const text = await readFile(path.join(dir, 'README.txt'), 'utf8');
    for (const word of ['classic', '"config"', 'containerd', '"manifest"']) t.true(text.includes(word), word);
  });
});
