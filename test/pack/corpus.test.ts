import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import * as z from 'zod';
import { readItem } from '../../src/pack/read-item.ts';
import { scanPacks } from '../../src/pack/scan.ts';
import { projectRoot } from '../helpers/pack-root.ts';

// Real files of public repositories with the values that another YAML parser found in them; not part of the project.
const corpus = path.join(projectRoot, '..', 'shared', 'corpus');
const expectedFile = path.join(corpus, 'expected.json');

const entry = z.object({
  kind: z.enum(['integration', 'script']),
  type: z.string().nullable(),
  dockerimage: z.string().nullable(),
  has_dockerimage_key: z.boolean(),
});

/** The entries that are plain files, by path. */
async function expected(): Promise<Map<string, z.infer<typeof entry>>> {
  const all = z.record(z.string(), entry).parse(JSON.parse(await readFile(expectedFile, 'utf8')));
  return new Map(Object.entries(all).filter(([name]) => !name.includes('!')));
}

function yamlFiles(): string[] {
  return readdirSync(corpus, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yml'));
}

if (existsSync(expectedFile)) {
  test('every real item is read as it is, and nothing else is an item', async (t) => {
    const wanted = await expected();
    for (const name of yamlFiles()) {
      const item = readItem(await readFile(path.join(corpus, name), 'utf8'), name);
      const entry = wanted.get(name.split(path.sep).join('/'));
      t.is(item?.kind, entry?.kind, name);
      t.is(item?.type?.value, entry?.type ?? undefined, name);
      t.is(item?.dockerimage?.value, entry?.dockerimage ?? undefined, name);
      t.is(item?.dockerimage !== undefined, entry?.has_dockerimage_key ?? false, name);
      wanted.delete(name.split(path.sep).join('/'));
    }
    t.deepEqual([...wanted.keys()], []);
  });

  test('a scan of the real files finds exactly their images', async (t) => {
    const named = [...(await expected()).values()].flatMap(({ dockerimage }) => dockerimage ?? []);
    const folders = readdirSync(corpus, { withFileTypes: true }).filter((one) => one.isDirectory());
    const paths = folders
      .map((one) => path.join(corpus, one.name))
      .filter((one) => !one.includes('dockerfiles-info'));
    const { uses } = await scanPacks(paths, { defaultImages: false, testPlaybooks: true });
    t.deepEqual(uses.map(({ reference }) => reference.written).sort(), named.sort());
  });
} else {
  test('the corpus of real files', (t) => {
    t.log(`not compared: there is no ${path.relative(projectRoot, expectedFile)}`);
    t.pass();
  });
}
