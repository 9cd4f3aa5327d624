import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import { blobsOf, totalSize, uniqueBlobs, type Descriptor, type LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';

const blob = (name: string, size = name.length): Descriptor => ({
  mediaType: `type/${name}`,
  digest: digestOf(name),
  size,
});

function image(name: string, layers: readonly string[]): LockedImage {
  return {
    reference: `docker.io/x/${name}:1`,
    platform: defaultPlatform,
    manifest: blob(`${name} manifest`),
    config: blob(`${name} config`),
    layers: layers.map((layer) => ({ ...blob(layer), diffId: digestOf(`diff ${layer}`) })),
    source: 'test:',
  };
}

test('the blobs of an image: manifest, config, layers, each digest once, without diff IDs', (t) => {
  const blobs = blobsOf(image('a', ['base', 'empty', 'top', 'empty']));
  t.deepEqual(blobs, [blob('a manifest'), blob('a config'), blob('base'), blob('empty'), blob('top')]);
});

test('the blobs of several images, each digest once, in order of first mention', (t) => {
  const blobs = uniqueBlobs([image('a', ['base', 'a']), image('b', ['base', 'b'])]);
  t.deepEqual(
    blobs,
    ['a manifest', 'a config', 'base', 'a', 'b manifest', 'b config', 'b'].map((name) => blob(name)),
  );
  t.deepEqual(uniqueBlobs([]), []);
});

test('sizes are summed beyond 32 bits', (t) => {
  t.is(totalSize([]), 0);
  t.is(totalSize([blob('a', 2 ** 32), blob('b', 5)]), 2 ** 32 + 5);
});
