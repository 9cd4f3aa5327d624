import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import * as z from 'zod';
import { limits } from '../../src/core/limits.ts';
import { mappingOf } from '../../src/core/mapping.ts';
import { excerptOf, parseYamlParts } from '../../src/core/yaml-parts.ts';
import { parseYaml, type YamlFile } from '../../src/core/yaml.ts';
import { findPacks } from '../../src/pack/locate.ts';
import { mayBeItem } from '../../src/pack/may-be-item.ts';
import { itemParts, readItem } from '../../src/pack/read-item.ts';
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

async function expected(): Promise<Map<string, z.infer<typeof entry>>> {
  const all = z.record(z.string(), entry).parse(JSON.parse(await readFile(expectedFile, 'utf8')));
  return new Map(Object.entries(all));
}

/** Every folder and archive with content. */
function contentPaths(): string[] {
  const inside = readdirSync(corpus, { withFileTypes: true }).filter((one) => one.isDirectory());
  return inside.map((one) => path.join(corpus, one.name)).filter((one) => !one.includes('dockerfiles-info'));
}

const emit = (): void => undefined;

function valueAt(file: YamlFile, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => mappingOf(value)[key], file.value);
}

if (existsSync(expectedFile)) {
  test('every real item is read as it is, and nothing else is an item', async (t) => {
    const wanted = await expected();
    const report = (mistake: Error): void => t.fail(mistake.message);
    for (const content of contentPaths()) {
      const packs = await findPacks(content, {
        testPlaybooks: true,
        archives: true,
        emit,
        signal: undefined,
        report,
      });
      for (const file of packs.flatMap(({ files }) => files)) {
        const name = path.relative(corpus, file.path).split(path.sep).join('/');
        const item = readItem(Buffer.from(await file.read()).toString(), name);
        const entry = wanted.get(name);
        t.is(item?.kind, entry?.kind, name);
        t.is(item?.type?.value, entry?.type ?? undefined, name);
        t.is(item?.dockerimage?.value, entry?.dockerimage ?? undefined, name);
        t.is(item?.dockerimage !== undefined, entry?.has_dockerimage_key ?? false, name);
        wanted.delete(name);
      }
    }
    t.deepEqual([...wanted.keys()], []);
  });

  test('a scan of the real files finds exactly their images', async (t) => {
    const named = [...(await expected()).values()].flatMap(({ dockerimage }) => dockerimage ?? []);
    const { uses } = await scanPacks(contentPaths(), { defaultImages: false, testPlaybooks: true });
    t.deepEqual(uses.map(({ reference }) => reference.written).sort(), named.sort());
  });

  test('the quick way reads every real item, and reads it like the full parser', async (t) => {
    const names = readdirSync(corpus, { recursive: true, encoding: 'utf8' });
    let left = 0;
    for (const name of names.filter((one) => one.endsWith('.yml'))) {
      const text = await readFile(path.join(corpus, name), 'utf8');
      const parse = { name, code: 'E_PACK_INVALID', maxBytes: limits.itemYaml } as const;
      if (excerptOf(text, itemParts) === undefined) left += mayBeItem(text) ? 1 : 0;
      const [quick, full] = [parseYamlParts(text, itemParts, parse), parseYaml(text, parse)];
      const { script, ...wanted } = itemParts;
      const keys = [
        ...Object.keys(wanted).map((key) => [key]),
        ...Object.keys(script).map((key) => ['script', key]),
      ];
      for (const key of keys) {
        const value = valueAt(full, key);
        t.deepEqual(valueAt(quick, key), value, `${name} ${key.join('.')}`);
        if (value !== undefined) t.deepEqual(quick.locate(key), full.locate(key), `${name} ${key.join('.')}`);
      }
    }
    t.is(left, 0, 'items that had to be parsed in full');
  });
} else {
  test('the corpus of real files', (t) => {
    t.log(`not compared: there is no ${path.relative(projectRoot, expectedFile)}`);
    t.pass();
  });
}
