import { link, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openBundleFile } from '../../src/bundle/folder.ts';
import { formatSums, parseSums } from '../../src/bundle/sums.ts';
import { execOk, execTool } from '../helpers/system-exec.ts';
import { withThreatBundle, type ThreatBundle } from '../helpers/threat-bundle.ts';

/** Puts something else in the place of a file; undefined: this machine cannot make it. */
type Replace = (file: string, elsewhere: string) => Promise<unknown>;

const names = ['images-001.tar', 'bundle.json', 'SHA256SUMS', 'SHA256SUMS.sig', 'packs/Sample.zip'];

const replaced = test.macro({
  async exec(t: ExecutionContext, replace: Replace) {
    for (const name of names) {
      await withThreatBundle(async ({ at, folder, refused, refusedOnCommandLine }) => {
        const elsewhere = path.join(folder, 'elsewhere');
        await rename(at(name), elsewhere);
        await replace(at(name), elsewhere);
        t.is((await refused(t, name)).code, 'E_BUNDLE_EXTRA_FILE');
        if (name === 'images-001.tar') await refusedOnCommandLine(t, name);
      });
    }
  },
  title: (what) => `threat 9: refused in the place of a file: ${what}`,
});

test('a symbolic link to the very file', replaced, (file, elsewhere) => symlink(elsewhere, file));
test('a symbolic link that leads nowhere', replaced, (file) => symlink('/nonexistent', file));
test('a symbolic link to a device', replaced, (file) => symlink('/dev/zero', file));
test('one of several names of the very file', replaced, (file, elsewhere) => link(elsewhere, file));
test('a pipe, which nobody waits for', replaced, (file) => execOk('mkfifo', [file]));
test('a folder', replaced, (file) => mkdir(file));
test('a device', replaced, async (file) => {
  // Without the rights for it a pipe has to do.
  const made = await execTool('mknod', [file, 'c', '1', '5']);
  if (made.status !== 0) await execOk('mkfifo', [file]);
});

test('threat 9: refused in the place of a file: a socket', async (t) => {
  await withThreatBundle(async ({ at, refused }) => {
    await rm(at('README.txt'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('README.txt'), resolve));
    t.is((await refused(t, 'README.txt')).code, 'E_BUNDLE_EXTRA_FILE');
    await new Promise((resolve) => server.close(resolve));
  });
});

test('threat 9: a link in the place of the folder of packs is refused', async (t) => {
  await withThreatBundle(async ({ at, folder, refused }) => {
    await rename(at('packs'), path.join(folder, 'packs'));
    await symlink(path.join(folder, 'packs'), at('packs'));
    t.is((await refused(t, 'packs')).code, 'E_BUNDLE_EXTRA_FILE');
  });
});

test('threat 9: a name that the medium has changed to capitals is told as such', async (t) => {
  await withThreatBundle(async ({ at, refused }) => {
    await rename(at('load.sh'), at('LOAD.SH'));
    const { code, hint } = await refused(t, 'load.sh is called LOAD.SH here');
    t.is(code, 'E_BUNDLE_EXTRA_FILE');
    t.regex(hint ?? '', /keeps them/);
  });
});

test('threat 9: a list with two names that differ only by case is refused, whoever signed it', (t) => {
  const sha256 = 'a'.repeat(64);
  const list = formatSums(
    new Map([
      ['Load.sh', sha256],
      ['load.sh', sha256],
    ]),
  );
  t.throws(() => parseSums(list), { code: 'E_BUNDLE_MALFORMED', message: /only by case/ });
});

const swapped = test.macro({
  async exec(t: ExecutionContext, swap: Replace, code: string) {
    await withThreatBundle(async ({ dir, at, folder }: ThreatBundle) => {
      const name = 'images-001.tar';
      const seen = await stat(at(name));
      const elsewhere = path.join(folder, 'elsewhere');
      await rename(at(name), elsewhere);
      await swap(at(name), elsewhere);
      await t.throwsAsync(openBundleFile(dir, name, seen), { code });
    });
  },
  title: (what) => `threat 9: swapped between the listing and the opening: ${what}`,
});
test('a link', swapped, (file, elsewhere) => symlink(elsewhere, file), 'E_BUNDLE_INCOMPLETE');
test('a second name', swapped, (file, elsewhere) => link(elsewhere, file), 'E_BUNDLE_EXTRA_FILE');
test('a pipe', swapped, (file) => execOk('mkfifo', [file]), 'E_BUNDLE_EXTRA_FILE');
test('a folder', swapped, (file) => mkdir(file), 'E_BUNDLE_EXTRA_FILE');
test('another file', swapped, (file) => writeFile(file, 'x'), 'E_BUNDLE_MALFORMED');
test(
  'another file of the same length',
  swapped,
  async (file, elsewhere) => writeFile(file, Buffer.alloc((await stat(elsewhere)).size)),
  'E_BUNDLE_MALFORMED',
);

test('threat 9: a medium that numbers its files anew, as FAT does, is no swap', async (t) => {
  await withThreatBundle(async ({ dir, at }) => {
    const { dev, ino, size, mtimeMs } = await stat(at('images-001.tar'));
    const file = await openBundleFile(dir, 'images-001.tar', { dev, ino: ino + 1, size, mtimeMs });
    t.is((await file.stat()).size, size);
    await file.close();
  });
});
