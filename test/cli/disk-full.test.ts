import { mkdir, readdir } from 'node:fs/promises';
import process from 'node:process';
import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { execTool } from '../helpers/system-exec.ts';

test.serial('a disk that is too small is told before the first byte, with status 1', async (t) => {
  await withSite(async ({ at, manifest, key }) => {
    const disk = at('disk');
    await mkdir(disk);
    const mounted = await execTool('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk]).catch(
      () => undefined,
    );
    if (mounted?.status !== 0) {
      const line = `left out: ${t.title} (no file system can be mounted here)`;
      t.log(line);
      process.stderr.write(`${line}\n`);
      t.pass();
      return;
    }
    try {
      const ran = await runCli(['export', manifest, '-o', `${disk}/bundle`, '--key', key]);
      t.is(ran.status, 1, ran.stderr);
      t.regex(
        ran.stderr,
        /E_DISK_FULL\]: .*disk\/bundle: the bundle needs [0-9.]+ MiB, the disk has [0-9.]+ KiB free\nhint: Free some space/,
      );
      t.deepEqual(await readdir(`${disk}/bundle`), []);
      t.false(ran.stderr.includes('Pulling'));
    } finally {
      await execTool('umount', [disk]);
    }
  });
});
