import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Event } from '../../src/core/events.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';
import { execOk } from '../helpers/system-exec.ts';
import { withThreatBundle } from '../helpers/threat-bundle.ts';

const extra = test.macro({
  async exec(t: ExecutionContext, name: string, make: (file: string) => Promise<unknown>) {
    await withThreatBundle(async ({ at, refused, refusedOnCommandLine, open }) => {
      await t.notThrowsAsync(open());
      await make(at(name));
      const shown = /^[ -~]+$/.test(name) ? name : '';
      const error = await refused(t, name);
      t.is(error.code, 'E_BUNDLE_EXTRA_FILE');
      await refusedOnCommandLine(t, shown);
    });
  },
  title: (what) => `threat 8: refused: ${what}`,
});

const touch = (file: string): Promise<void> => writeFile(file, 'x');

test('another archive', extra, 'zz.tar', touch);
test('an archive of a name that load.sh would take', extra, 'images-003.tar', touch);
test('a hidden file', extra, '.hidden', touch);
test('a program', extra, 'packferry-linux-x64', touch);
test('a folder', extra, 'more', (file) => mkdir(file));
test('a link that leads nowhere', extra, 'link', (file) => symlink('/nonexistent', file));
test('a link to a file of the bundle', extra, 'link', (file) => symlink('bundle.json', file));
test('a file in the folder of packs', extra, 'packs/Other.zip', touch);
test('a folder in the folder of packs', extra, 'packs/more', (file) => mkdir(file));
test('a file that starts programs on Windows', extra, 'autorun.inf', touch);
test('a signature of a name that none has', extra, 'SHA256SUMS.1000.sig', touch);
test('a list of a name that differs by case', extra, 'sha256sums', touch);
test('a file whose name differs by case', extra, 'BUNDLE.JSON', touch);
test('a name with a line feed', extra, 'bundle.json\n', touch);
test('a name with a command for terminals', extra, '\u001b[2Jx', touch);
test('a name with letters that have no width', extra, 'bundle.json\u200b', touch);
test('a name that Unicode calls the same', extra, 'bundle.jso\uff4e', touch);
test('a name that begins like an option', extra, '-rf', touch);

test('threat 8: refused: a name that is no UTF-8', async (t) => {
  await withThreatBundle(async ({ dir, open }) => {
    await writeFile(Buffer.concat([Buffer.from(`${dir}/x`), Buffer.from([0xff, 0xfe])]), 'x');
    await t.throwsAsync(open(), { code: 'E_BUNDLE_EXTRA_FILE' });
  });
});

for (const inside of [[], ['.DS_Store'], ['x.zip']]) {
  const what = inside.length === 0 ? 'an empty folder' : `a folder with ${inside.join()}`;
  test(`threat 8: refused: ${what} for packs in a bundle that carries none`, async (t) => {
    await withBundleFixture(async ({ folder, write, open }) => {
      const dir = path.join(folder, 'bundle');
      await write(dir);
      await mkdir(path.join(dir, 'packs'));
      for (const name of inside) await touch(path.join(dir, 'packs', name));
      await t.throwsAsync(open(dir), { code: 'E_BUNDLE_EXTRA_FILE' });
    });
  });
}

const litter = [
  '.DS_Store',
  '._bundle.json',
  'packs/._Sample.zip',
  'packs/.DS_Store',
  'packs/Thumbs.db',
  'Thumbs.db',
  'DESKTOP.INI',
  'System Volume Information',
  '$RECYCLE.BIN',
  'lost+found',
  'FOUND.000',
  '.Trash-1000',
  '.Trashes',
  '.fseventsd',
  '.Spotlight-V100',
  '.TemporaryItems',
  '.directory',
];

test('threat 8: litter of operating systems is told, never opened, and changes nothing', async (t) => {
  await withThreatBundle(async ({ at, open }) => {
    const clean = await open();
    // Whoever opened one of these would wait for ever.
    for (const name of litter) await execOk('mkfifo', [at(name)]);
    const events: Event[] = [];
    const bundle = await open({ emit: (event) => void events.push(event) });
    t.deepEqual([...bundle.litter].sort(), [...litter].sort());
    for (const name of litter) {
      const told = events.filter(
        (event) => event.type === 'note' && event.message.includes(`passed over ${name}:`),
      );
      t.is(told.length, 1, name);
    }
    t.is(bundle.sumsSha256, clean.sumsSha256);
    t.deepEqual(bundle.document, clean.document);
    t.deepEqual(bundle.files, clean.files);
  });
});

test('threat 8: litter may be a folder or a link; neither is followed', async (t) => {
  await withThreatBundle(async ({ at, folder, open }) => {
    await mkdir(at('.Spotlight-V100'), { mode: 0o000 });
    await symlink(path.join(folder, 'nowhere'), at('.DS_Store'));
    t.deepEqual([...(await open()).litter].sort(), ['.DS_Store', '.Spotlight-V100']);
  });
});

for (const name of [
  '.DS_Store.tar',
  'x.DS_Store',
  'thumbs.db.exe',
  '.Trash-x',
  'found.0000',
  'lost+found2',
]) {
  test(`threat 8: what only resembles litter is refused: ${name}`, async (t) => {
    await withThreatBundle(async ({ at, refused }) => {
      await touch(at(name));
      t.is((await refused(t, name)).code, 'E_BUNDLE_EXTRA_FILE');
    });
  });
}
