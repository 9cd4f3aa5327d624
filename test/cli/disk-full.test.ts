import { readdir, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { MemoryOutput, runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { startSlow } from '../helpers/cli-slow-registry.ts';
import { withSmallDisk } from '../helpers/small-disk.ts';

test.serial('a disk that is too small is told before the first byte, with status 1', async (t) => {
  await withSite(async ({ folder, manifest, key }) => {
    await withSmallDisk(t, folder, 512, async (disk) => {
      const ran = await runCli(['export', manifest, '-o', `${disk}/bundle`, '--key', key]);
      t.is(ran.status, 1, ran.stderr);
      t.regex(
        ran.stderr,
        /E_DISK_FULL\]: .*disk\/bundle: the bundle needs [0-9.]+ MiB, the disk has [0-9.]+ KiB free\nhint: Free some space/,
      );
      t.deepEqual(await readdir(`${disk}/bundle`), []);
      t.false(ran.stderr.includes('Pulling'));
    });
  });
});

test.serial(
  'a disk that gets full in mid-run: told, what was fetched is kept, a rerun finishes',
  async (t) => {
    await withSite(async ({ folder, content, manifestFor, key, importing, at }) => {
      await withSmallDisk(t, folder, 8 * 1024, async (disk) => {
        const registry = await startSlow(content);
        try {
          const manifest = await manifestFor('slow.yml', registry.host);
          const argv = ['export', manifest, '-o', `${disk}/bundle`, '--key', key];
          const stderr = new MemoryOutput();
          const run = runCli([...argv, '--keep-going', '-v'], { stderr });
          await registry.stalled;
          // Everything but the large layers is there; somebody else takes the rest of the disk.
          const isHalfWay = (): boolean => stderr.text.split('\npulled blob ').length > 9;
          while (!isHalfWay()) await new Promise((resolve) => stderr.once('written', resolve));
          await writeFile(`${disk}/other`, Buffer.alloc(8 * 1024 * 1024)).catch(() => undefined);
          registry.goOn();
          const ran = await run;
          t.is(ran.status, 1, ran.stderr);
          t.regex(ran.stderr, /: blob sha256:[0-9a-f]{64}: the disk is full/);
          t.regex(
            ran.stderr,
            /hint: Free some space and run the same command again: what was finished is kept/,
          );
          const before = registry.blobs();
          await rm(`${disk}/other`);
          registry.hurry();
          const again = await runCli(argv);
          t.is(again.status, 0, again.stderr);
          const kept = before.filter((digest) => !registry.blobs().slice(before.length).includes(digest));
          t.true(kept.length >= 3, 'what was finished is not fetched again');
          const target = await runCli([
            ...importing.map((part) => (part === at('bundle') ? `${disk}/bundle` : part)),
            ...['--to', `oci:${at('target')}`],
          ]);
          t.is(target.status, 0, target.stderr);
        } finally {
          await registry.close();
        }
      });
    });
  },
);
