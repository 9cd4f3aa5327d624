import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silent } from '../../src/core/events.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { updatePacks, type Updated, type UpdateOptions } from '../../src/flows/update.ts';
import { openRegistrySource } from '../../src/registry/source.ts';
import { updateReport } from '../../src/schema/reports-tags.ts';
import { serveBuilds, type Builds } from '../helpers/registry-builds.ts';
import { errorOf, folderWith, integration, script } from '../helpers/pack-folder.ts';

const builds: Builds = {
  'demisto/python3': { '3.10.5.100': '3.10.5', '3.10.14.300': '3.10.14', '3.12.13.400': '3.12.13' },
  'demisto/crypto': { '1.0.0.1': '3.12.1', '1.0.0.2': '3.12.1' },
};

interface Site {
  readonly folder: string;
  readonly host: string;
  readonly read: (file: string) => Promise<string>;
  readonly update: (options?: Partial<UpdateOptions>) => Promise<Updated>;
}

/** A pack whose images are on a registry of its own; `@` in the files stands for that registry. */
async function site(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<Site> {
  const { host } = await serveBuilds(t, builds);
  const placed = Object.entries(files).map(([name, text]) => [`P/${name}`, text.replaceAll('@', host)]);
  const folder = path.join(await folderWith(t, Object.fromEntries(placed) as Record<string, string>), 'P');
  const source = openRegistrySource({ retries: 0, retryDelay: 1 });
  t.teardown(() => source.close());
  const signal = new AbortController().signal;
  const usual = { source, platform: defaultPlatform, emit: silent, signal, jobs: 4, paths: [folder] };
  return {
    ...{ folder, host },
    read: (file) => readFile(path.join(folder, file), 'utf8'),
    update: async (options = {}) => {
      const found = await updatePacks({ ...usual, anyVersion: false, write: false, ...options });
      t.deepEqual(updateReport.parse(found.report), found.report);
      return found;
    },
  };
}

const python = 'dockerimage: @/demisto/python3:3.10.5.100';
const files = {
  'Integrations/I/I.yml': integration('I', 'type: python', `${python} # keep`),
  'Scripts/C.yml': script('C', 'type: python', "dockerimage: '@/demisto/crypto:1.0.0.1'"),
  'Scripts/D.yml': script('D', 'type: python'),
  'Scripts/L.yml': script('L', 'type: python', 'dockerimage: @/demisto/crypto'),
  'Scripts/N.yml': script('N', 'type: python', 'dockerimage: @/demisto/crypto:1.0.0.2'),
};

test('update: without --write only shows what would change', async (t) => {
  const { update, read, host } = await site(t, files);
  const { report, errors } = await update();
  t.deepEqual(errors, []);
  t.deepEqual(
    report.changes.map(({ item, status, to }) => [item, status, to]),
    [
      ['I', 'planned', `${host}/demisto/python3:3.10.14.300`],
      ['C', 'planned', `${host}/demisto/crypto:1.0.0.2`],
    ],
  );
  t.true(report.changes[0]?.diff?.includes(`+  dockerimage: ${host}/demisto/python3:3.10.14.300 # keep\n`));
  t.deepEqual(
    report.kept.map(({ item, reason }) => [item, reason]),
    [
      ['D', 'names no image: the server takes its default'],
      ['L', 'the tag latest has no revision'],
      ['N', 'up to date'],
    ],
  );
  for (const [name, text] of Object.entries(files)) t.is(await read(name), text.replaceAll('@', host));
});

test('update: with --write changes these values and nothing else', async (t) => {
  const { folder, update, read, host } = await site(t, files);
  await chmod(path.join(folder, 'Scripts/C.yml'), 0o640);
  const { report } = await update({ write: true });
  t.deepEqual(
    report.changes.map(({ status }) => status),
    ['written', 'written'],
  );
  const expected = (name: keyof typeof files): string =>
    files[name].replaceAll('@', host).replace('3.10.5.100', '3.10.14.300').replace('1.0.0.1', '1.0.0.2');
  for (const name of Object.keys(files) as (keyof typeof files)[]) t.is(await read(name), expected(name));
  t.is((await stat(path.join(folder, 'Scripts/C.yml'))).mode & 0o777, 0o640);
  const again = await update({ write: true });
  t.deepEqual(again.report.changes, []);
});

const moves = test.macro({
  async exec(t, options: Partial<UpdateOptions>, expected: readonly string[]) {
    const { update, host } = await site(t, files);
    const image = options.image?.replace('@', host);
    const { report } = await update({ ...options, image });
    t.deepEqual(
      report.changes.map(({ item, to }) => `${item} ${to.slice(host.length + 1)}`),
      expected,
    );
  },
  title: (what) => `update: ${what ?? ''}`,
});
test('to any version', moves, { anyVersion: true }, [
  'I demisto/python3:3.12.13.400',
  'C demisto/crypto:1.0.0.2',
]);
test('one image', moves, { image: '@/demisto/crypto' }, ['C demisto/crypto:1.0.0.2']);
test('one tag of an image', moves, { image: '@/demisto/crypto:latest' }, []);
test('to a tag, also where there was none', moves, { image: '@/demisto/crypto', to: '1.0.0.2' }, [
  'C demisto/crypto:1.0.0.2',
  'L demisto/crypto:1.0.0.2',
]);
test('back to an older tag', moves, { image: '@/demisto/crypto:1.0.0.2', to: '1.0.0.1' }, [
  'N demisto/crypto:1.0.0.1',
]);

const refuses = test.macro({
  async exec(t, code: Parameters<typeof errorOf>[1], options: Partial<UpdateOptions>) {
    const { update, read, host } = await site(t, files);
    const image = options.image?.replace('@', host);
    await errorOf(t, code, () => update({ write: true, ...options, image }));
    for (const [name, text] of Object.entries(files)) t.is(await read(name), text.replaceAll('@', host));
  },
  title: (what) => `update: refused: ${what ?? ''}`,
});
test('one tag for several images', refuses, 'E_USAGE', { to: '1.0.0.2' });
test('a tag that is none', refuses, 'E_USAGE', { image: '@/demisto/crypto', to: 'a b' });
test('a tag that is not there', refuses, 'E_IMAGE_NOT_FOUND', { image: '@/demisto/crypto', to: '1.0.0.3' });
test('an image that nothing uses', refuses, 'E_USAGE', { image: '@/demisto/cripto' });
test('a path that is not there', refuses, 'E_PACK_NOT_FOUND', { paths: ['/nowhere/at/all'] });

test('update: what cannot be rewritten is reported, the rest is done', async (t) => {
  const { update, read, host } = await site(t, {
    'Scripts/A.yml': script('A', 'type: python', 'dockerimage: |-', '  @/demisto/crypto:1.0.0.1'),
    'Scripts/B.yml': script('B', 'type: python', 'dockerimage: @/demisto/crypto:1.0.0.1'),
    'Scripts/X.yml': script('X', 'type: python', 'dockerimage: @/demisto/nothing:1.0.0.1'),
  });
  const { report, errors } = await update({ write: true });
  t.deepEqual(
    errors.map(({ code }) => code),
    ['E_IMAGE_NOT_FOUND', 'E_PACK_INVALID'],
  );
  t.true(errors[1]?.message.includes('A.yml:7:14: '), errors[1]?.message);
  t.deepEqual(
    report.changes.map(({ item, status }) => [item, status]),
    [
      ['A', 'failed'],
      ['B', 'written'],
    ],
  );
  t.true((await read('Scripts/B.yml')).includes(`${host}/demisto/crypto:1.0.0.2`));
});

test('update: a symbolic link is refused', async (t) => {
  const { folder, update, read, host } = await site(t, { 'Scripts/C.yml': files['Scripts/C.yml'] });
  const link = path.join(folder, 'link.yml');
  await symlink('Scripts/C.yml', link);
  const { errors } = await update({ write: true, paths: [link] });
  t.deepEqual(
    errors.map(({ code }) => code),
    ['E_PACK_INVALID'],
  );
  t.is(await read('Scripts/C.yml'), files['Scripts/C.yml'].replaceAll('@', host));
});
