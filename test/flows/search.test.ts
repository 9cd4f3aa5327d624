import path from 'node:path';
import test from 'ava';
import type { Event } from '../../src/core/events.ts';
import { searchImages } from '../../src/flows/search.ts';
import { searchReport } from '../../src/schema/reports-tags.ts';
import { runCli } from '../helpers/cli-run.ts';
import { loadedWithAction } from '../helpers/loaded-with.ts';
import { metadataFiles } from '../helpers/metadata-folder.ts';
import { folderWith } from '../helpers/pack-folder.ts';

const pythonPackages = { requests: '2.31.0' };
const files = metadataFiles([
  { image: 'demisto/a', tag: '9.0.0.1', created: '2020-01-01T00:00:00Z', pythonPackages },
  { image: 'demisto/a', tag: '1.0.0.20', created: '2024-01-01T00:00:00Z', pythonPackages, size: '1.50 MB' },
  { image: 'demisto/a', tag: '1.0.0.3', created: '2021-01-01T00:00:00Z', pythonPackages },
  { image: 'demisto/a', tag: 'latest', created: '2025-01-01T00:00:00Z', pythonPackages },
  { image: 'demisto/b', tag: '1.0.0.30', created: '2026-01-01T00:00:00Z', pythonPackages, python: '3.12.1' },
  { image: 'demisto/c', tag: '1.0.0.40', created: '2026-02-01T00:00:00Z' },
]);

const finds = test.macro({
  async exec(t, allTags: boolean, expected: readonly string[]) {
    const root = await folderWith(t, { ...files, 'demisto/a/odd.md': 'nothing' });
    const events: Event[] = [];
    const report = await searchImages({
      metadata: root,
      cacheFolder: path.join(root, '.cache'),
      query: { pythonPackages: ['requests'], osPackages: [], words: [] },
      allTags,
      emit: (event) => void events.push(event),
      signal: new AbortController().signal,
    });
    t.deepEqual(searchReport.parse(report), report);
    t.deepEqual(
      report.images.map(({ reference, older }) => `${reference} ${older}`),
      expected,
    );
    t.is(report.skipped, 1);
    t.is(events.filter(({ type }) => type === 'note').length, 1);
    t.is(report.images.find(({ reference }) => reference === 'demisto/a:1.0.0.20')?.bytes, 1_572_864);
  },
  title: (what) => `search: ${what ?? ''}`,
});
test('the newest tag of each image by the rule of the vendor, the latest image first', finds, false, [
  'demisto/b:1.0.0.30 0',
  'demisto/a:1.0.0.20 3',
]);
test('all tags', finds, true, [
  'demisto/b:1.0.0.30 0',
  'demisto/a:latest 0',
  'demisto/a:1.0.0.20 0',
  'demisto/a:1.0.0.3 0',
  'demisto/a:9.0.0.1 0',
]);

const refuses = test.macro({
  async exec(t, folder: string, message: RegExp) {
    const root = await folderWith(t, {
      'empty/README.md': '# Images',
      'odd/demisto/a/1.md': 'odd',
      file: '',
    });
    const { status, stderr } = await runCli(['search', '--metadata', path.join(root, folder), 'a'], {
      env: { XDG_CACHE_HOME: path.join(root, 'cache') },
    });
    t.is(status, 2, stderr);
    t.regex(stderr, message);
    t.true(stderr.includes('\nhint: Give the folder of a copy of '), stderr);
  },
  title: (what) => `search is refused in ${what ?? ''}`,
});
test('a folder that is not there', refuses, 'nope', /error\[E_USAGE\]: --metadata .*nope: no such folder/);
test('a file', refuses, 'file', /file: no folder/);
test('a folder without any page', refuses, 'empty', /empty: there is no image metadata in it/);
test(
  'a folder whose pages are something else',
  refuses,
  'odd',
  /warning: 1 of the md files[^]*odd: there is no image/,
);

test('search: its start does not load what takes longer than searching', async (t) => {
  const loaded = await loadedWithAction('search');
  t.true(loaded.includes('commander'));
  t.true(loaded.some((file) => file.endsWith('image-metadata/query.js')));
  t.deepEqual(
    loaded.filter((name) => ['zod', 'yaml', 'undici', 'ssh2', 'tar', 'yauzl'].includes(name)),
    [],
  );
});
