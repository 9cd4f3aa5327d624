import { access, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { damageSchema } from '../../src/schema/damage.ts';
import { failureReport, verifyReport } from '../../src/schema/reports.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { packferry } from '../helpers/cli.ts';
import { withBadDisk } from '../helpers/bad-disk.ts';
import { flipBit, withHarmedBundle, type HarmedBundle } from '../helpers/damaged-bundle.ts';

interface Setting extends HarmedBundle {
  readonly trusted: string;
  /** Where the damage file is to come. */
  readonly file: string;
  readonly verify: (...more: readonly string[]) => Promise<Ran>;
}

async function withSetting(use: (setting: Setting) => Promise<void>): Promise<void> {
  await withHarmedBundle(async (bundle) => {
    const trusted = path.join(bundle.folder, 'allowed_signers');
    await writeFile(trusted, bundle.allowedLine);
    const verify: Setting['verify'] = (...more) =>
      runCli(['verify', bundle.dir, '--trusted-keys', trusted, '--progress', 'none', ...more]);
    await use({ ...bundle, trusted, file: path.join(bundle.folder, 'lost.json'), verify });
  });
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Damages the Python layer of both archives, a pack, and takes a text away. */
async function harm({ archives, at }: Setting): Promise<void> {
  for (const { file, blobs } of archives) await flipBit(at(file), (blobs[3]?.offset ?? 0) + 5);
  await flipBit(at('packs/Sample.zip'), 0);
  await rm(at('README.txt'));
}

test('what is lost is told by file, blob, image and item', async (t) => {
  await withSetting(async (setting) => {
    await harm(setting);
    const { status, stderr, stdout } = await setting.verify();
    t.is(status, 4);
    t.is(stdout, '');
    const [blob] = setting.archives[0]?.blobs.slice(3, 4) ?? [];
    const layer = `  layer ${blob?.digest.slice(7, 19) ?? ''}, bytes ${blob?.offset ?? 0} to ${(blob?.offset ?? 0) + (blob?.size ?? 0)}`;
    const image = (name: string, number: number): string[] => [
      `    docker.io/demisto/${name}`,
      `      Pack${number}: script Item${number}`,
      '      Pack9: script Item9',
    ];
    t.deepEqual(
      stderr.split('\n').slice(0, 15),
      [
        'README.txt: missing',
        'packs/Sample.zip: not what was signed',
        'images-001.tar: not what was signed',
        `${layer}: not what was signed`,
        ...image('crypto:1.0.0.1', 0),
        'images-002.tar: not what was signed',
        `${layer}: not what was signed`,
        ...image('py3-tools:1.0.0.1', 2),
        ...image('python3:3.12.13.1', 3),
      ].map((line) => `  ${line}`),
    );
    t.regex(stderr, /Lost in all: 4 files, 1 blob \([0-9.]+ KiB\) and 3 images\./);
    t.true(stderr.includes('error[E_BUNDLE_INCOMPLETE]: the bundle is damaged: 4 faults\nhint: '), stderr);
  });
});

test('the report of the failure has all of it, by its schema', async (t) => {
  await withSetting(async (setting) => {
    await harm(setting);
    const { status, stdout } = await setting.verify('--json');
    t.is(status, 4);
    const { damage, error } = failureReport.parse(JSON.parse(stdout));
    t.is(error.errors?.length, 4);
    t.deepEqual(
      damage?.files.map(({ file, why }) => `${file} ${why}`),
      ['README.txt missing', 'packs/Sample.zip damaged', 'images-001.tar damaged', 'images-002.tar damaged'],
    );
    const blob = setting.archives[0]?.blobs[3];
    t.like(damage?.blobs[0], { ...blob, kind: 'layer', archive: 'images-001.tar', intactIn: [] });
    const [image] = damage?.blobs[0]?.images ?? [];
    t.deepEqual(image, {
      reference: 'docker.io/demisto/crypto:1.0.0.1',
      items: [
        { pack: 'Pack0', kind: 'script', item: 'Item0' },
        { pack: 'Pack9', kind: 'script', item: 'Item9' },
      ],
    });
  });
});

test('verify --damage writes down what is lost; the bundle and the exit status are as without it', async (t) => {
  await withSetting(async (setting) => {
    await harm(setting);
    const before = await readdir(setting.dir);
    const { status, stderr } = await setting.verify('--damage', setting.file);
    t.is(status, 4);
    t.true(stderr.includes(`${setting.file} says what is lost: carry it back`), stderr);
    const written = damageSchema.parse(JSON.parse(await readFile(setting.file, 'utf8')));
    const plain = await setting.verify('--json');
    const { damage } = failureReport.parse(JSON.parse(plain.stdout));
    const { schema, foundAt, tool, ...said } = written;
    t.deepEqual(said, damage);
    t.is(schema, 'packferry.damage/v1');
    t.is(foundAt, '2026-11-23T05:00:00.000Z');
    t.is(tool.name, 'packferry');
    t.is(said.bundle.name, 'test');
    t.deepEqual(await readdir(setting.dir), before);
    t.deepEqual(
      (await readdir(setting.folder)).filter((name) => name.endsWith('.part')),
      [],
    );
  });
});

test('of a good bundle no damage file is written, and this is said', async (t) => {
  await withSetting(async ({ file, verify }) => {
    const { status, stderr } = await verify('--damage', file);
    t.is(status, 0);
    t.true(stderr.includes(`Nothing is lost: ${file} was not written.`), stderr);
    t.false(await isThere(file));
  });
});

test('of a bundle whose signature is not good no damage file is written: nothing of it can be believed', async (t) => {
  await withSetting(async ({ file, verify, at }) => {
    await flipBit(at('SHA256SUMS'), 3);
    const { status, stderr } = await verify('--damage', file);
    t.is(status, 4);
    t.true(stderr.includes('error[E_SIGNATURE_INVALID]'), stderr);
    t.true(stderr.includes(`${file} was not written`), stderr);
    t.false(await isThere(file));
  });
});

test('a damage file that is there already is not overwritten', async (t) => {
  await withSetting(async (setting) => {
    await harm(setting);
    await writeFile(setting.file, 'of another bundle');
    const { status, stderr } = await setting.verify('--damage', setting.file);
    t.is(status, 2);
    t.true(stderr.includes('error[E_OUTPUT_EXISTS]'), stderr);
    t.is(await readFile(setting.file, 'utf8'), 'of another bundle');
  });
});

test('a damage file in the bundle is refused, also through a link', async (t) => {
  await withSetting(async ({ dir, folder, verify }) => {
    const link = path.join(folder, 'link');
    await symlink(path.join(dir, 'packs'), link);
    for (const place of [dir, path.join(dir, 'packs'), link]) {
      const { status, stderr } = await verify('--damage', path.join(place, 'lost.json'));
      t.is(status, 2);
      t.true(stderr.includes('error[E_USAGE]') && stderr.includes('lies in the bundle'), stderr);
    }
    // Beside it, with a name that begins like that of the bundle.
    await mkdir(`${dir}..`);
    t.is((await verify('--damage', path.join(`${dir}..`, 'lost.json'))).status, 0);
  });
});

test('a damage file that cannot be written is told before the bundle is read', async (t) => {
  await withSetting(async ({ folder, verify }) => {
    const { status, stderr } = await verify('--damage', path.join(folder, 'nowhere', 'lost.json'));
    t.is(status, 2);
    t.true(stderr.includes('error[E_OUTPUT_UNWRITABLE]'), stderr);
  });
});

test('a bundle on a medium with a bad sector: as a user sees it', async (t) => {
  await withSetting(async ({ dir, archives, trusted, file }) => {
    const { offset, digest } = archives[0]?.blobs[3] ?? { offset: 0, digest: '' };
    const bad = offset + 50_000;
    await withBadDisk(t, dir, [['images-001.tar', bad, bad + 1]], async (disk) => {
      const argv = ['verify', disk, '--trusted-keys', trusted, '--damage', file];
      const { status, stderr } = await packferry(argv);
      t.is(status, 4);
      t.true(stderr.includes('error[E_BUNDLE_INCOMPLETE]: images-001.tar, byte '), stderr);
      const { blobs } = damageSchema.parse(JSON.parse(await readFile(file, 'utf8')));
      t.deepEqual(
        blobs.map((blob) => `${blob.digest} ${blob.why} ${blob.intactIn.join()}`),
        [`${digest} unreadable images-002.tar`],
      );
    });
  });
});

test('verify --deep says how many layers were decompressed, and --json has every file', async (t) => {
  await withSetting(async ({ verify, dir }) => {
    const { status, stderr } = await verify('--deep');
    t.is(status, 0);
    t.regex(stderr, /[0-9]+ layers decompressed/);
    const report = verifyReport.parse(JSON.parse((await verify('--deep', '--json')).stdout));
    t.true((report.layers?.checked ?? 0) >= 6);
    t.deepEqual(report.layers?.notChecked, []);
    const names = (await readdir(dir)).filter((name) => !/^(SHA256SUMS.*|packs)$/.test(name));
    t.deepEqual(
      report.files.map(({ file }) => file),
      [...names, 'packs/Sample.zip'].sort(),
    );
    t.is(verifyReport.parse(JSON.parse((await verify('--json')).stdout)).layers, undefined);
  });
});

test('of an archive that is missing the images are told', async (t) => {
  await withSetting(async ({ verify, at }) => {
    await rm(at('images-001.tar'));
    const { stderr } = await verify();
    t.true(stderr.startsWith('  images-001.tar: missing, with 9 blobs\n    docker.io/demisto/'), stderr);
    t.true(stderr.includes('\n  Lost in all: 1 file, 9 blobs (1.4 MiB) and 2 images.\n'), stderr);
  });
});
