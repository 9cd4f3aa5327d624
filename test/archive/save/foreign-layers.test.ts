import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { openDockerArchive } from '../../../src/archive/docker-archive.ts';
import { hexOf } from '../../../src/core/digest.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import { mediaTypes } from '../../../src/core/media-types.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { tempDir } from '../../helpers/compose.ts';
import { docker24, docker25, json } from '../../helpers/saves.ts';
import { tarOf, type TarMember } from '../../helpers/tar-file.ts';

const foreign = 'docker.io/acme/windows:1.0';
const other = 'docker.io/acme/tool:1.0';
const base = composeImage({ files: [{ path: 'base', content: noise('base', 3000) }] });
const image = composeImage({ base, files: [{ path: 'top', content: noise('top', 1000) }] });
const own = composeImage({ files: [{ path: 'own', content: noise('own', 1000) }] });
const named = [
  { name: foreign, image },
  { name: other, image: own },
];
const [first] = image.layers;
if (first === undefined) throw new RangeError('no layer');
const { diffId } = first;
const urls = ['https://mcr.example/layer'];

/** Docker 25 and later: a manifest for the save, which says that the first layer is kept elsewhere. */
const edited = (change: object): TarMember[] =>
  docker25(named, (document) => {
    const { layers = [], ...rest } = document as { readonly layers?: readonly { readonly digest: string }[] };
    return {
      ...rest,
      layers: layers.map((layer) => (layer.digest === diffId ? { ...layer, ...change } : layer)),
    };
  });

/** The same in `manifest.json`, by the digest that the registry gave the layer. */
const sourced = (members: readonly TarMember[], source: object): TarMember[] =>
  members.map((member) => {
    if (member.name !== 'manifest.json') return member;
    const [entry, ...more] = JSON.parse(String(member.content)) as readonly object[];
    const from = { [diffId]: { size: 1, digest: first.descriptor.digest, ...source } };
    return json('manifest.json', [{ ...entry, LayerSources: from }, ...more]);
  });

const without = (members: readonly TarMember[], part: string): TarMember[] =>
  members.filter(({ name }) => !name.includes(part));

const refused = test.macro({
  async exec(t, members: readonly TarMember[], layer: string) {
    const dir = await tempDir(t);
    const file = path.join(dir, 'save.tar');
    await writeFile(file, tarOf(members));
    const source = await openDockerArchive(file, { spoolDir: path.join(dir, 'spool') });
    try {
      const error = await t.throwsAsync(source.resolve(parseReference(foreign), defaultPlatform), {
        instanceOf: PackferryError,
        code: 'E_LAYER_FOREIGN',
      });
      t.true(error.message.startsWith(foreign) && error.message.includes(layer), error.message);
      t.true(error.hint?.includes('Leave the image out'));
      const found = await source.resolve(parseReference(other), defaultPlatform);
      t.is(found.config.digest, own.config.descriptor.digest, 'the other image is had all the same');
    } finally {
      await source.close();
    }
  },
  title: (trap) => trap ?? '',
});

const mediaType = mediaTypes.dockerForeignLayer;
const bare = without(edited({ mediaType }), hexOf(diffId));
test('a foreign layer that the save leaves out is called that, not a gap', refused, bare, diffId);
test('and the same without manifest.json', refused, without(bare, 'manifest.json'), diffId);
test('a foreign layer that is there may not be carried all the same', refused, edited({ mediaType }), diffId);
test('a layer with addresses elsewhere', refused, edited({ urls }), diffId);
test(
  'the classic store tells it in LayerSources of manifest.json',
  refused,
  sourced(docker24(named), { mediaType, urls }),
  first.descriptor.digest,
);
test(
  'and Docker 25 there, with a manifest that does not',
  refused,
  sourced(docker25(named), { mediaType }),
  first.descriptor.digest,
);

test('layers whose source is named, and which are not foreign, are carried', async (t) => {
  const dir = await tempDir(t);
  const file = path.join(dir, 'save.tar');
  await writeFile(file, tarOf(sourced(docker24(named), { mediaType: mediaTypes.dockerLayerGzip })));
  const source = await openDockerArchive(file, { spoolDir: path.join(dir, 'spool') });
  try {
    const found = await source.resolve(parseReference(foreign), defaultPlatform);
    t.is(found.config.digest, image.config.descriptor.digest);
  } finally {
    await source.close();
  }
});
