import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { openDockerArchive } from '../../src/archive/docker-archive.ts';
import { silent } from '../../src/core/events.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { formatReference } from '../../src/core/reference.ts';
import { scanPacks } from '../../src/pack/scan.ts';
import { withBundleFixture, withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { stateOf } from '../helpers/folder-state.ts';
import { tarWith, traversals, zipMembers } from '../helpers/hostile-tar.ts';
import { docker24 } from '../helpers/saves.ts';
import { replaceFile, signAgain } from '../helpers/signed-again.ts';
import { tarOf } from '../helpers/tar-file.ts';
import { zipOf } from '../helpers/zip-file.ts';

const mark = `packferry-traversal-${process.pid}`;
const name = 'docker.io/demisto/sample:1.0';
const image = composeImage({ files: [{ path: 'a', content: noise('a', 2000) }] });
const save = tarOf(docker24([{ name, image }]));
const item = (image: string): string =>
  `commonfields:\n  id: A\n  version: -1\nname: A\nscript: '-'\ntype: python\ndockerimage: ${image}\n`;
const good = item('demisto/python3:1.0');
const packTar = tarOf([{ name: 'Packs/Sample/Scripts/A/A.yml', content: good }]);
const layouts = Object.keys(traversals('/outside', mark));

interface Place {
  /** A folder deep enough for every `..`; what lies around it is watched. */
  readonly inside: string;
  readonly outside: string;
  /** Fails the test when anything has changed but what is in these folders of the deep one. */
  readonly unchanged: () => Promise<void>;
}

const scratch = ['spool', 'out'];

/** Runs with a place in which nothing may change. */
async function watched(t: ExecutionContext, use: (place: Place) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const [inside, outside] = [path.join(folder, 'a', 'b', 'c'), path.join(folder, 'outside')];
    for (const dir of [inside, outside, ...scratch.map((one) => path.join(inside, one))])
      await mkdir(dir, { recursive: true });
    for (const file of [path.join(folder, 'kept'), path.join(folder, 'a', 'kept')])
      await writeFile(file, 'kept');
    let before: Record<string, string> | undefined;
    const state = async (): Promise<Record<string, string>> =>
      Object.fromEntries(
        Object.entries(await stateOf(folder)).filter(
          ([file]) => !scratch.some((one) => file.startsWith(`a/b/c/${one}/`)),
        ),
      );
    const unchanged = async (): Promise<void> => {
      const now = await state();
      if (before !== undefined) t.deepEqual(now, before);
      before = now;
      for (const place of ['.', '..', '../..', '/tmp', '/'])
        t.false(existsSync(path.resolve(place, mark)), place);
    };
    await use({ inside, outside, unchanged });
  });
}

for (const layout of layouts) {
  test(`threat 10: a save with ${layout} is refused, and nothing on the disk changes`, async (t) => {
    await watched(t, async ({ inside, outside, unchanged }) => {
      const file = path.join(inside, 'save.tar');
      await writeFile(file, tarWith(traversals(outside, mark)[layout] ?? [], 'evil', save));
      await unchanged();
      const error = await t.throwsAsync(openDockerArchive(file, { spoolDir: path.join(inside, 'spool') }), {
        instanceOf: PackferryError,
      });
      t.is(error.code, 'E_ARCHIVE_MALFORMED', error.message);
      t.true(error.message.includes('save.tar'));
      await unchanged();
    });
  });

  test(`threat 10: packs in a tar and a zip with ${layout} are only read, and the members outside are none`, async (t) => {
    await watched(t, async ({ inside, outside, unchanged }) => {
      const evil = item('evil/image:1');
      const members = traversals(outside, mark)[layout] ?? [];
      const archives = {
        'packs.tar': tarWith(members, evil, packTar),
        'packs.zip': zipOf([
          ...zipMembers(members, evil),
          { name: 'Packs/Sample/Scripts/A/A.yml', content: good },
        ]),
      };
      for (const [archive, bytes] of Object.entries(archives))
        await writeFile(path.join(inside, archive), bytes);
      await unchanged();
      for (const archive of Object.keys(archives)) {
        const options = { testPlaybooks: false, alternatives: false, defaultImages: true, emit: silent };
        const { uses } = await scanPacks([path.join(inside, archive)], options);
        t.deepEqual(
          uses.map(({ reference }) => formatReference(reference)),
          ['docker.io/demisto/python3:1.0'],
          archive,
        );
      }
      await unchanged();
    });
  });
}

test('threat 10: in a bundle such an archive is refused, signed or not, and nothing is written', async (t) => {
  await withBundleFixture(async ({ folder, write, open, signer }) => {
    const [bundle, outside] = [path.join(folder, 'bundle'), path.join(folder, 'outside')];
    await write(bundle);
    await mkdir(outside);
    const archive = await readFile(path.join(bundle, 'images-001.tar'));
    for (const [layout, members] of Object.entries(traversals(outside, mark))) {
      const hostile = tarWith(members, 'evil', archive);
      await replaceFile(bundle, 'images-001.tar', hostile);
      for (const isSigned of [false, true]) {
        if (isSigned) await signAgain(bundle, signer, { 'images-001.tar': hostile });
        const before = [await readdir(folder), await readdir(bundle)];
        const error = await t.throwsAsync(open(bundle), { instanceOf: PackferryError }, layout);
        t.is(error.code, 'E_SIZE_MISMATCH', error.message);
        t.true(error.message.includes('images-001.tar'), error.message);
        t.deepEqual([await readdir(folder), await readdir(bundle)], before);
        t.deepEqual(await readdir(outside), []);
      }
    }
  });
});

test('threat 10: through the command line: the reason is told, and no bundle is written', async (t) => {
  await watched(t, async ({ inside, outside, unchanged }) => {
    const members = traversals(outside, mark)['a link to a folder, then a file in it'] ?? [];
    await writeFile(path.join(inside, 'save.tar'), tarWith(members, 'evil', save));
    await writeFile(
      path.join(inside, 'm.yml'),
      `schema: packferry.export/v1\nname: soc\nimages: [{ reference: '${name}', from: 'docker-archive:save.tar' }]\n`,
    );
    await writeKey(path.join(inside, 'key'), path.join(inside, 'trusted'));
    await unchanged();
    const out = path.join(inside, 'out', 'bundle');
    const ran = await runCli(
      ['export', path.join(inside, 'm.yml'), '-o', out, '--key', path.join(inside, 'key')],
      {
        env: { XDG_CACHE_HOME: path.join(inside, 'spool') },
      },
    );
    t.is(ran.status, 4, ran.stderr);
    t.regex(ran.stderr, /error\[E_ARCHIVE_MALFORMED\]: .*save\.tar: tmp: a link that is none of a layer/);
    t.false(existsSync(path.join(out, 'SHA256SUMS')));
    await unchanged();
  });
});
