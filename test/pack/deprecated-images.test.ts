import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { parseReference } from '../../src/core/reference.ts';
import { deprecationOf, readDeprecatedImages } from '../../src/pack/deprecated-images.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';
import { projectRoot } from '../helpers/pack-root.ts';

test('both formats of dates, and none', async (t) => {
  const folder = await folderWith(t, {
    'd.json': JSON.stringify([
      { image_name: 'demisto/a', created_time_utc: '2022-05-31T17:51:17.226278Z', reason: 'Use b.' },
      { image_name: 'demisto/b', created_time_utc: '2025-09-15 13:52:21.933780', reason: null },
      { image_name: 'demisto/c', created_time_utc: 'soon' },
    ]),
  });
  const list = await readDeprecatedImages(path.join(folder, 'd.json'));
  t.deepEqual(deprecationOf(list, parseReference('demisto/a:7')), { since: '2022-05-31', reason: 'Use b.' });
  t.deepEqual(deprecationOf(list, parseReference('demisto/b')), { since: '2025-09-15', reason: undefined });
  t.deepEqual(deprecationOf(list, parseReference('demisto/c')), { since: undefined, reason: undefined });
  t.is(deprecationOf(list, parseReference('demisto/d')), undefined);
  t.is(deprecationOf(list, parseReference('ghcr.io/demisto/a')), undefined);
});

const refuses = test.macro(async (t, text: string) => {
  const file = path.join(await folderWith(t, { 'd.json': text }), 'd.json');
  const error = await errorOf(t, 'E_MANIFEST_INVALID', () => readDeprecatedImages(file));
  t.true(error.message.includes('d.json'), error.message);
});

test('no JSON', refuses, '[');
test('no list', refuses, '{}');
test('an entry without name', refuses, '[{"reason": "x"}]');
test('a name that is none', refuses, '[{"image_name": "A B"}]');

test('no file', async (t) => {
  const folder = await folderWith(t, {});
  await errorOf(t, 'E_MANIFEST_INVALID', () => readDeprecatedImages(path.join(folder, 'd.json')));
});

const real = path.join(projectRoot, '..', 'shared', 'corpus', 'deprecated_images.json');
test("the vendor's own list", async (t) => {
  if (!existsSync(real)) {
    t.log(`not read: there is no ${path.relative(projectRoot, real)}`);
    t.pass();
    return;
  }
  const list = await readDeprecatedImages(real);
  t.is(list.size, 104);
  t.true([...list.values()].every(({ since, reason }) => since !== undefined && reason !== undefined));
});
