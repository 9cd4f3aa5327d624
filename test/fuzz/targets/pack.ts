import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { silent } from '../../../src/core/events.ts';
import { readDeprecatedImages } from '../../../src/pack/deprecated-images.ts';
import { decodeIndex, encodeIndex } from '../../../src/pack/image-metadata/index-file.ts';
import { IndexBuilder } from '../../../src/pack/image-metadata/metadata-index.ts';
import { parseMetadata } from '../../../src/pack/image-metadata/parse.ts';
import { readBuiltMetadata, readChangelog, readState } from '../../../src/pack/marketplace/documents.ts';
import { PackIndex } from '../../../src/pack/marketplace/pack-index.ts';
import { readXsoarConfig } from '../../../src/pack/marketplace/xsoar-config.ts';
import { readMetadata } from '../../../src/pack/metadata.ts';
import { nativeImageOf, readNativeConfig } from '../../../src/pack/native-config.ts';
import { scanPacks } from '../../../src/pack/scan.ts';
import { metadataText } from '../../helpers/metadata-folder.ts';
import { tarOf } from '../../helpers/tar-file.ts';
import { zipOf, zipOfFiles } from '../../helpers/zip-file.ts';
import { anyBytes } from '../mutate/bytes.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import { anyTar } from '../mutate/tar.ts';
import { anyText } from '../mutate/text.ts';
import type { Target } from '../target.ts';

const item = `commonfields:\n  id: A\n  version: -1\nname: A\nscript: '-'\ntype: python\ndockerimage: demisto/python3:3.12.13.1\n`;
const files: Readonly<Record<string, string>> = {
  'Packs/Sample/pack_metadata.json': JSON.stringify({ name: 'Sample', currentVersion: '1.0.0' }),
  'Packs/Sample/Scripts/A/A.yml': item,
  'Packs/Sample/README.md': '# Sample\n',
};
const zip = zipOfFiles(files);
const tar = tarOf(Object.entries(files).map(([name, content]) => ({ name, content })));
const nested = zipOf([
  { name: 'inner.zip', content: zip },
  { name: 'inner.tar.gz', content: gzipSync(tar) },
]);

/** An archive of packs is only read: nothing comes to lie beside it. */
async function scanned(input: Buffer, folder: string, name: string): Promise<void> {
  const file = path.join(folder, name);
  await writeFile(file, input);
  const options = { testPlaybooks: false, alternatives: false, defaultImages: true, emit: silent };
  try {
    const { uses } = await scanPacks([file], options);
    for (const { reference } of uses) assert.equal(typeof reference.repository, 'string');
  } finally {
    assert.deepEqual(await readdir(folder), [name]);
  }
}

export const packZip: Target = {
  name: 'pack/zip',
  valid: () => [zip, nested],
  mutations: anyBytes,
  codes: ['E_PACK_INVALID', 'E_PACK_NOT_FOUND'],
  runs: 350,
  read: (input, folder) => scanned(input, folder, 'packs.zip'),
};

export const packTar: Target = {
  name: 'pack/tar',
  valid: () => [tar, gzipSync(tar)],
  mutations: [...anyTar, ...anyBytes],
  codes: ['E_PACK_INVALID', 'E_PACK_NOT_FOUND'],
  runs: 350,
  read: (input, folder) => scanned(input, folder, 'packs.tar'),
};

const built = {
  id: 'A',
  name: 'A',
  currentVersion: '1.2.3',
  dependencies: { B: { mandatory: true, minVersion: '1.0.0' } },
};

export const marketplaceIndex: Target = {
  name: 'pack/marketplace-index',
  valid: () => [
    zipOfFiles({
      'index/A/metadata.json': JSON.stringify(built),
      'index/A/metadata-1.2.2.json': JSON.stringify({ ...built, currentVersion: '1.2.2' }),
      'index/A/changelog.json': JSON.stringify({ '1.2.3': {}, '1.2.2': {} }),
      'index/index.json': JSON.stringify({ revision: '7', packs: [{ id: 'P', price: 1 }] }),
    }),
  ],
  mutations: anyBytes,
  codes: ['E_SOURCE_PROTOCOL', 'E_LIMIT_EXCEEDED', 'E_PACK_INVALID'],
  runs: 250,
  read: async (input, folder) => {
    const file = path.join(folder, 'index.zip');
    await writeFile(file, input);
    const index = await PackIndex.open(file, 'index.zip', undefined);
    try {
      for (const id of index.packs.keys()) {
        assert.match(id, /^[^/\\]+$/);
        for (const version of await index.versionsOf(id)) await index.versionOf(id, version);
      }
    } finally {
      index.close();
    }
  },
};

/** The JSON documents of packs and of a marketplace. */
export const packDocuments: Target = {
  name: 'pack/documents',
  valid: () => [
    jsonInput(built),
    jsonInput({ revision: 7, packs: [{ id: 'P', price: 5 }, null] }),
    jsonInput({ '1.2.3': { releaseNotes: 'x' }, '1.2.2': null }),
  ],
  mutations: anyJson,
  codes: ['E_PACK_INVALID'],
  runs: 500,
  read: (input) => {
    const text = input.toString('latin1');
    if (text.includes('revision')) readState(input, 'index.json');
    else if (text.includes('releaseNotes')) readChangelog(input, 'changelog.json');
    else {
      readMetadata(input, 'pack_metadata.json');
      for (const { id } of readBuiltMetadata(input, 'metadata.json').dependencies)
        assert.equal(typeof id, 'string');
    }
  },
};

/** Lists that a manifest names. */
export const vendorLists: Target = {
  name: 'pack/vendor-lists',
  valid: () => [
    jsonInput({
      native_images: {
        'native:8.8': { supported_docker_images: ['python3'], docker_ref: 'demisto/py3-native:8.8.0.1' },
      },
      ignored_content_items: [{ id: 'A', reason: 'x', ignored_native_images: ['native:8.8'] }],
      flags_versions_mapping: { 'native:ga': 'native:8.8' },
    }),
    jsonInput([
      { image_name: 'demisto/aiohttp', reason: 'x', created_time_utc: '2022-05-31T17:51:17.226278Z' },
    ]),
    jsonInput({
      custom_packs: [{ id: 'a.zip', url: './a.zip' }, { _comment: 'x' }],
      marketplace_packs: [{ id: 'A', version: '1.2.3' }],
      lists: [],
    }),
  ],
  mutations: anyJson,
  codes: ['E_MANIFEST_INVALID', 'E_MANIFEST_UNREADABLE'],
  runs: 250,
  read: async (input, folder) => {
    const file = path.join(folder, 'list.json');
    await writeFile(file, input);
    const text = input.toString('latin1');
    if (text.includes('native_images')) nativeImageOf(await readNativeConfig(file), '8.8');
    else if (text.includes('_packs')) {
      for (const pack of (await readXsoarConfig(file)).customPacks)
        assert.ok('url' in pack || path.isAbsolute(pack.path));
    } else for (const name of (await readDeprecatedImages(file)).keys()) assert.match(name, /\//);
  },
};

const metadata = metadataText({
  ...{ image: 'demisto/python3', tag: '3.12.13.1', size: '29.75 MB', python: '3.12.13' },
  pythonPackages: { requests: '2.32.0', six: '1.16.0' },
  osPackages: ['* musl-1.2.3-r4', '* openssl:amd64\t3.0.1-1'],
});

export const imageMetadata: Target = {
  name: 'pack/image-metadata',
  valid: () => [Buffer.from(metadata)],
  mutations: anyText,
  codes: [],
  runs: 350,
  read: (input) => {
    const read = parseMetadata(input.toString('utf8'));
    // Fields of the index are set apart by white space.
    const names = [...(read?.pythonPackages ?? []), ...(read?.osPackages ?? [])].flat();
    for (const name of [...names, read?.image ?? 'x', read?.tag ?? 'x']) assert.doesNotMatch(name, /[\t\n ]/);
    assert.ok(read?.bytes === undefined || Number.isSafeInteger(read.bytes));
  },
};

const key = { folder: '/metadata', fingerprint: createHash('sha256').update('x').digest('hex') };

function indexFile(): Buffer {
  const builder = new IndexBuilder();
  const read = parseMetadata(metadata);
  if (read !== undefined) builder.add(read);
  builder.skip('README.md');
  return encodeIndex(builder.finish(), key);
}

/** The kept index of image metadata: a damaged one is made anew. */
export const metadataIndex: Target = {
  name: 'pack/image-metadata-index',
  valid: () => [indexFile()],
  mutations: anyBytes,
  codes: [],
  runs: 250,
  read: (input) => {
    const index = decodeIndex(input, key);
    assert.equal(index !== undefined, input.equals(indexFile()));
    if (index !== undefined) assert.deepEqual(encodeIndex(index, key), input);
  },
};
