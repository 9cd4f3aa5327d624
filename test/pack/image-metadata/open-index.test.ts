import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Event } from '../../../src/core/events.ts';
import {
  packageAt,
  placeCount,
  type MetadataIndex,
} from '../../../src/pack/image-metadata/metadata-index.ts';
import { openIndex } from '../../../src/pack/image-metadata/open-index.ts';
import { errorOf, folderWith } from '../../helpers/pack-folder.ts';
import { metadataFiles, metadataText } from '../../helpers/metadata-folder.ts';

const samples = ['1.0.0.1', '1.0.0.2'].map((tag) => ({
  image: 'demisto/crypto',
  tag,
  python: '3.12.1',
  pythonPackages: { requests: `2.${tag}` },
  osPackages: ['zlib-1.3.2-r0 x86_64 {zlib}'],
}));

interface Place {
  readonly root: string;
  readonly folder: string;
  readonly cacheFolder: string;
}

async function place(t: ExecutionContext): Promise<Place> {
  const files = metadataFiles(samples);
  const root = await folderWith(
    t,
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`md/${name}`, text])),
  );
  return { root, folder: path.join(root, 'md'), cacheFolder: path.join(root, 'deep', 'cache') };
}

/** Opens the index and says whether files were read for it. */
async function opened({
  folder,
  cacheFolder,
}: Place): Promise<{ index: MetadataIndex; events: Event[]; made: boolean }> {
  const events: Event[] = [];
  const signal = new AbortController().signal;
  const index = await openIndex(folder, { cacheFolder, emit: (event) => void events.push(event), signal });
  return { index, events, made: events.some(({ type }) => type === 'started') };
}

function tagsOf(index: MetadataIndex): string[] {
  return index.images.map(({ image, tag, packages }) => {
    return `${image}:${tag} ${[...packages].map((at) => packageAt(index, at)?.name).join(' ')}`;
  });
}

const both = ['demisto/crypto:1.0.0.1 requests zlib', 'demisto/crypto:1.0.0.2 requests zlib'];

test('index: made once, then kept, with the same content', async (t) => {
  const where = await place(t);
  const first = await opened(where);
  const second = await opened(where);
  t.deepEqual([first.made, second.made], [true, false]);
  t.deepEqual(tagsOf(first.index), both);
  t.deepEqual(second.index, first.index);
  t.is(placeCount(first.index), 3);
});

const renewed = test.macro({
  async exec(t, change: (where: Place) => Promise<unknown>, expected: readonly string[]) {
    const where = await place(t);
    await opened(where);
    await change(where);
    const { index, made } = await opened(where);
    t.true(made);
    t.deepEqual(tagsOf(index), expected);
    t.false((await opened(where)).made);
  },
  title: (what) => `index: made again after ${what ?? ''}`,
});
const fresh = { image: 'demisto/crypto', tag: '1.0.0.3' };
test(
  'a new file',
  renewed,
  ({ folder }) => writeFile(path.join(folder, 'demisto/crypto/1.0.0.3.md'), metadataText(fresh)),
  [...both, 'demisto/crypto:1.0.0.3 '],
);
test(
  'a removed file',
  renewed,
  ({ folder }) => rm(path.join(folder, 'demisto/crypto/1.0.0.1.md')),
  both.slice(1),
);
test(
  'a new image',
  renewed,
  async ({ folder }) => {
    await mkdir(path.join(folder, 'demisto/new'));
    await writeFile(path.join(folder, 'demisto/new/1.0.0.3.md'), metadataText(fresh));
  },
  [...both, 'demisto/crypto:1.0.0.3 '],
);

async function spoil({ cacheFolder }: Place, edit: (text: string) => string): Promise<void> {
  const [name = ''] = await readdir(cacheFolder);
  const file = path.join(cacheFolder, name);
  await writeFile(file, edit(await readFile(file, 'latin1')), 'latin1');
}
test('a cut index file', renewed, (where) => spoil(where, (text) => text.slice(0, -100)), both);
test('an empty index file', renewed, (where) => spoil(where, () => ''), both);
test('another version of it', renewed, (where) => spoil(where, (text) => text.replace('/v2', '/v3')), both);
test('a changed byte of it', renewed, (where) => spoil(where, (text) => text.replace('zlib', 'zlob')), both);

test('index: files that are no metadata are skipped and counted', async (t) => {
  const where = await place(t);
  for (const name of ['a', 'b', 'c', 'd']) {
    await writeFile(path.join(where.folder, `demisto/crypto/${name}.md`), Buffer.from([0xff, 0x00, 0x23]));
  }
  await writeFile(path.join(where.folder, 'README.md'), '# Images\n');
  for (const made of [true, false]) {
    const found = await opened(where);
    t.is(found.made, made);
    t.is(found.index.skipped, 4);
    t.is(found.index.skippedNames.length, 3);
    t.deepEqual(tagsOf(found.index), both);
  }
});

test('index: a cache that cannot be written costs a warning only', async (t) => {
  const where = await place(t);
  await writeFile(path.join(where.root, 'deep'), 'in the way');
  const { index, events } = await opened(where);
  t.deepEqual(tagsOf(index), both);
  t.is(events.filter((event) => event.type === 'note' && event.level === 'warning').length, 1);
});

test('index: a missing folder is an error', async (t) => {
  await errorOf(t, 'E_IO', async () => opened({ ...(await place(t)), folder: '/nowhere/at/all' }));
});

test('index: stops when it is told to', async (t) => {
  const { folder, cacheFolder } = await place(t);
  const signal = AbortSignal.abort(new Error('enough'));
  await t.throwsAsync(openIndex(folder, { cacheFolder, emit: () => undefined, signal }), {
    message: 'enough',
  });
});
