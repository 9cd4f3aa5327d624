import path from 'node:path';
import test from 'ava';
import { findPlaces, type ImagePlace } from '../../src/pack/update-places.ts';
import { errorOf, folderWith, integration, script } from '../helpers/pack-folder.ts';

const files = {
  'Packs/A/pack_metadata.json': '{"name": "A"}',
  'Packs/A/Integrations/I/I.yml': integration('I', 'type: python', 'dockerimage: demisto/i:1.0.0.1'),
  'Packs/A/Scripts/S/S.yml': script('S', 'type: python', 'dockerimage: demisto/s:1.0.0.1'),
  'Packs/A/Scripts/D/D.yml': script('D', 'type: python'),
  'Packs/A/Scripts/J/J.yml': script('J', 'type: javascript'),
  'Packs/A/Playbooks/P.yml': 'id: P\nname: P\n',
  'archive.zip': 'PK',
};

function find(...paths: readonly string[]): Promise<ImagePlace[]> {
  return findPlaces(paths, { emit: () => undefined, signal: new AbortController().signal });
}

test('places: every image of a pack, with the file and the way to the value; each file once', async (t) => {
  const root = await folderWith(t, files);
  const pack = path.join(root, 'Packs', 'A');
  const places = await find(pack, path.join(root, 'Packs'), path.join(pack, 'Scripts/S/S.yml'));
  t.deepEqual(
    places.map(({ path: file, keys, isDefault }) => [path.relative(pack, file), keys.join('.'), isDefault]),
    [
      ['Integrations/I/I.yml', 'script.dockerimage', false],
      ['Scripts/D/D.yml', 'type', true],
      ['Scripts/S/S.yml', 'dockerimage', false],
    ],
  );
});

const refuses = test.macro({
  async exec(t, below: string, code: 'E_PACK_INVALID' | 'E_PACK_NOT_FOUND') {
    const root = await folderWith(t, { ...files, 'Bad/B.yml': 'script: [\n' });
    await errorOf(t, code, () => find(path.join(root, below)));
  },
  title: (what) => `places: refused: ${what ?? ''}`,
});
test('an archive', refuses, 'archive.zip', 'E_PACK_INVALID');
test('broken YAML', refuses, 'Bad', 'E_PACK_INVALID');
test('what is not there', refuses, 'nothing', 'E_PACK_NOT_FOUND');
test('a playbook', refuses, 'Packs/A/Playbooks/P.yml', 'E_PACK_NOT_FOUND');
