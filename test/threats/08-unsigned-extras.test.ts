import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Event } from '../../src/core/events.ts';
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

const write = (file: string): Promise<void> => writeFile(file, 'x');

test('another archive', extra, 'zz.tar', write);
test('an archive of a name that load.sh would take', extra, 'images-003.tar', write);
test('a hidden file', extra, '.hidden', write);
test('a program', extra, 'packferry-linux-x64', write);
test('a folder', extra, 'more', (file) => mkdir(file));
test('a link that leads nowhere', extra, 'link', (file) => symlink('/nonexistent', file));
test('a link to a file of the bundle', extra, 'link', (file) => symlink('bundle.json', file));
test('a file in the folder of packs', extra, 'packs/Other.zip', write);
test('a folder in the folder of packs', extra, 'packs/more', (file) => mkdir(file));
test('a file that starts programs on Windows', extra, 'autorun.inf', write);
test('a signature of a name that none has', extra, 'SHA256SUMS.1000.sig', write);
test('a list of a name that differs by case', extra, 'sha256sums', write);
test('a file whose name differs by case', extra, 'BUNDLE.JSON', write);
test('a name with a line feed', extra, 'bundle.json\n', write);
test('a name with a command for terminals', extra, '\u001b[2Jx', write);
test('a name with letters that have no width', extra, 'bundle.json\u200b', write);
test('a name that Unicode calls the same', extra, 'bundle.jso\uff4e', write);
test('a name that begins like an option', extra, '-rf', write);

test('threat 8: refused: a name that is no UTF-8', async (t) => {
  await withThreatBundle(async ({ dir, open }) => {
    await writeFile(Buffer.concat([Buffer.from(`${dir}/x`), Buffer.from([0xff, 0xfe])]), 'x');
    await t.throwsAsync(open(), { code: 'E_BUNDLE_EXTRA_FILE' });
  });
});

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
      await write(at(name));
      t.is((await refused(t, name)).code, 'E_BUNDLE_EXTRA_FILE');
    });
  });
}
