// How fast `packferry search` answers over as many pages as the vendor publishes: npm run bench:search.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { metadataText } from '../../test/helpers/metadata-folder.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const tagsPerImage = 32;

const { values } = parseArgs({
  options: { tags: { type: 'string', default: '12685' }, runs: { type: 'string', default: '5' } },
});
const tags = Number(values.tags);
const runs = Number(values.runs);

/** Pages of the size and shape of the vendor's: some 60 Python and 80 OS packages each. */
async function makePages(folder: string): Promise<void> {
  for (let number = 0; number < tags; number += 1) {
    const image = Math.floor(number / tagsPerImage);
    const build = number % tagsPerImage;
    const line = 10 + (image % 4);
    const packages = Array.from(
      { length: 60 },
      (_, at) => [`package${(image * 7 + at) % 500}`, `${1 + (at % 5)}.${build}.0`] as const,
    );
    const tag = `3.${line}.${build}.${10_000 + number}`;
    const text = metadataText({
      image: `demisto/image${image}`,
      tag,
      size: `${30 + (image % 200)}.12 MB`,
      python: `3.${line}.${build % 10}`,
      pythonPackages: { ...Object.fromEntries(packages), requests: `2.${20 + (build % 12)}.0` },
      osPackages: Array.from({ length: 80 }, (_, at) => `* library${at}:amd64\t1.${build}-${at}`),
    });
    const place = path.join(folder, 'demisto', `image${image}`);
    if (build === 0) await mkdir(place, { recursive: true });
    await writeFile(path.join(place, `${tag}.md`), text);
  }
}

/** Milliseconds of one search, in a process of its own. */
function search(folder: string, cache: string): number {
  const query = ['--python-package', 'requests==2.31.0', '--python', '3.11', '--quiet'];
  const start = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'bin', 'packferry.js'), 'search', '--metadata', folder, ...query],
    { env: { ...process.env, XDG_CACHE_HOME: cache }, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`search ended with status ${String(status)}: ${stderr}`);
  return performance.now() - start;
}

const folder = await mkdtemp(path.join(tmpdir(), 'packferry-bench-'));
try {
  await makePages(path.join(folder, 'pages'));
  const cache = path.join(folder, 'cache');
  const first = search(path.join(folder, 'pages'), cache);
  const later = Array.from({ length: runs }, () => search(path.join(folder, 'pages'), cache)).sort(
    (a, b) => a - b,
  );
  const seconds = (time: number | undefined): string => `${((time ?? Number.NaN) / 1000).toFixed(2)} s`;
  process.stdout.write(
    [
      `npm run bench:search -- --tags ${tags} --runs ${runs}`,
      `node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`,
      `${tags} tags`,
      `first search, with indexing: ${seconds(first)}`,
      `later searches: median ${seconds(later[Math.floor(runs / 2)])}, slowest ${seconds(later.at(-1))}`,
      '',
    ].join('\n'),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
