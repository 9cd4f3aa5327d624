import { existsSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { formatReference } from '../../src/core/reference.ts';
import { nativeImageOf, readNativeConfig } from '../../src/pack/native-config.ts';
import type { NativeImage } from '../../src/pack/native-images.ts';
import { scanPacks } from '../../src/pack/scan.ts';
import { errorOf, folderWith, integration, script } from '../helpers/pack-folder.ts';
import { projectRoot } from '../helpers/pack-root.ts';

const config = {
  native_images: {
    'native:8.8': {
      supported_docker_images: ['python3', 'crypto'],
      docker_ref: 'demisto/py3-native:8.8.0.1',
    },
    'native:8.6': { supported_docker_images: ['python3'], docker_ref: 'demisto/py3-native:8.6.0.1' },
    'native:dev': { supported_docker_images: ['python3'] },
  },
  ignored_content_items: [{ id: 'Odd', reason: 'x', ignored_native_images: ['native:8.8'] }],
  flags_versions_mapping: { 'native:ga': 'native:8.8' },
};

async function natives(t: ExecutionContext, versions: readonly string[]): Promise<NativeImage[]> {
  const folder = await folderWith(t, { 'n.json': JSON.stringify(config) });
  const read = await readNativeConfig(path.join(folder, 'n.json'));
  return versions.map((version) => nativeImageOf(read, version));
}

/** `key line image` of every use. */
async function usesOf(t: ExecutionContext, item: string, versions: readonly string[]): Promise<string[]> {
  const folder = await folderWith(t, { 'item.yml': item });
  const { uses } = await scanPacks([path.join(folder, 'item.yml')], {
    ...{ defaultImages: true, testPlaybooks: false, alternatives: true },
    native: await natives(t, versions),
  });
  return uses
    .map(({ key, line, reference }) => `${key} ${line} ${formatReference(reference).slice(18)}`)
    .sort();
}

const runsIn = test.macro(async (t, item: string, versions: readonly string[], expected: string[]) => {
  t.deepEqual(await usesOf(t, item, versions), expected);
});

const python = 'dockerimage: demisto/python3:3.12';

test(
  'the native image stands in',
  runsIn,
  script('X', 'type: python', python),
  ['8.8'],
  ['dockerimage 7 python3:3.12', 'nativeimage 7 py3-native:8.8.0.1'],
);
test(
  'two versions',
  runsIn,
  script('X', python),
  ['8.6', '8.8'],
  ['dockerimage 6 python3:3.12', 'nativeimage 6 py3-native:8.6.0.1', 'nativeimage 6 py3-native:8.8.0.1'],
);
test(
  'another name of a version',
  runsIn,
  script('X', python),
  ['ga'],
  ['dockerimage 6 python3:3.12', 'nativeimage 6 py3-native:8.8.0.1'],
);
test(
  'an image that it does not stand in for',
  runsIn,
  script('X', 'dockerimage: demisto/ml:1'),
  ['8.8'],
  ['dockerimage 6 ml:1'],
);
test(
  'an item that does not run in it',
  runsIn,
  script('Odd', python),
  ['8.6', '8.8'],
  ['dockerimage 6 python3:3.12', 'nativeimage 6 py3-native:8.6.0.1'],
);
test('shared code', runsIn, script('AcmeApiModule', python), ['8.8'], ['dockerimage 6 python3:3.12']);
test(
  "the item's own list decides",
  runsIn,
  script('X', python, 'nativeimage:', '- "8.6"'),
  ['8.6', '8.8'],
  ['dockerimage 6 python3:3.12', 'nativeimage 8 py3-native:8.6.0.1'],
);
test(
  'the other way to write the list',
  runsIn,
  integration('X', 'type: python', 'dockerimage: demisto/ml:1', 'nativeImage: ["8.8"]'),
  ['8.8'],
  ['dockerimage 8 ml:1', 'nativeimage 9 py3-native:8.8.0.1'],
);
test(
  'versions without quotes, as people write them',
  runsIn,
  script('X', python, 'nativeimage: [8.6, 8.8]'),
  ['8.6', '8.8'],
  ['dockerimage 6 python3:3.12', 'nativeimage 7 py3-native:8.6.0.1', 'nativeimage 7 py3-native:8.8.0.1'],
);
test(
  'a version without quotes behind an alias',
  runsIn,
  script('X', python, 'version: &v 8.8', 'nativeimage: [*v]'),
  ['8.8'],
  ['dockerimage 6 python3:3.12', 'nativeimage 8 py3-native:8.8.0.1'],
);
test(
  'an empty list',
  runsIn,
  script('X', python, 'nativeimage: []'),
  ['8.8'],
  ['dockerimage 6 python3:3.12'],
);
test(
  'images for old servers and for tests',
  runsIn,
  script(
    'X',
    python,
    'dockerimage45: demisto/python3',
    'alt_dockerimages:',
    '- demisto/a:1',
    '- demisto/b:2',
  ),
  [],
  [
    'alt_dockerimages[0] 9 a:1',
    'alt_dockerimages[1] 10 b:2',
    'dockerimage 6 python3:3.12',
    'dockerimage45 7 python3:latest',
  ],
);
test(
  'an image for old servers without value',
  runsIn,
  script('X', python, 'dockerimage45:'),
  [],
  ['dockerimage 6 python3:3.12'],
);

test('a version that is not there, with the one that was meant', async (t) => {
  const error = await errorOf(t, 'E_MANIFEST_INVALID', () => natives(t, ['8.7']));
  t.regex(error.message, /did you mean "8\.[68]"/);
  t.true(error.hint?.includes('8.8, 8.6'));
});

test('a version without image', async (t) => {
  const error = await errorOf(t, 'E_MANIFEST_INVALID', () => natives(t, ['dev']));
  t.regex(error.message, /native:dev/);
});

const corpus = path.join(projectRoot, '..', 'shared', 'corpus');
for (const [name, version] of [
  ['docker_native_image_config.json', '8.8'],
  ['docker_native_image_config.000e8f24-2023.json', '8.2'],
] as const) {
  test(`the vendor's own ${name}`, async (t) => {
    const file = path.join(corpus, name);
    if (!existsSync(file)) {
      t.log(`not read: there is no ${path.relative(projectRoot, file)}`);
      t.pass();
      return;
    }
    const native = nativeImageOf(await readNativeConfig(file), version);
    t.true(native.reference.startsWith(`demisto/py3-native:${version}.`));
    t.true(native.supported.has('python3'));
  });
}
