import path from 'node:path';
import { gzipSync } from 'node:zlib';
import * as zlib from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { composeImage, type ComposedImage, type ComposedLayer } from '../../bin/demo/compose-image.ts';
import { noise } from '../../bin/demo/sample-images.ts';
import { openBundle, type VerifiedBundle } from '../../src/bundle/open.ts';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { fixtureTime, withBundleFixture } from '../helpers/bundle-fixture.ts';
import { blobBytes, lockComposed, memorySource } from '../helpers/compose.ts';

const content = noise('content', 200_000);
const type = mediaTypes.dockerLayerGzip;

/** A layer with these bytes, of which its image says that they decompress to `promised`. */
function layer(bytes: Buffer, promised: Buffer, mediaType: string = type): ComposedLayer {
  return {
    bytes,
    diffId: digestOf(promised),
    descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
  };
}

function imageWith(...layers: readonly ComposedLayer[]): ComposedImage {
  const { platform, settings } = composeImage({ files: [] });
  const files = [{ path: 'own', content: 'own' }];
  return composeImage({ base: { layers, platform, settings }, files });
}

interface Checked {
  readonly bundle?: VerifiedBundle;
  readonly fault?: PackferryError;
  readonly events: readonly Event[];
}

/** Bundles these images, each twice under two names, in archives of their own, and verifies them with `deep`. */
async function check(images: readonly ComposedImage[], deep = true): Promise<Checked> {
  return withBundleFixture(async ({ folder, content: sample, write, allowed }) => {
    const locked = images.map((image, at) => lockComposed(`docker.io/demisto/image:${at}`, image));
    const dir = path.join(folder, 'bundle');
    const volumes = locked.map((image) => [{ image, usedBy: [] }]);
    await write(dir, { content: { ...sample(), volumes }, source: memorySource(blobBytes(images)) });
    const events: Event[] = [];
    const emit = (event: Event): void => void events.push(event);
    try {
      return { bundle: await openBundle(dir, { allowed, now: fixtureTime, emit, deep }), events };
    } catch (fault) {
      if (fault instanceof PackferryError) return { fault, events };
      throw fault;
    }
  });
}

const honest = test.macro({
  async exec(t: ExecutionContext, bytes: Buffer) {
    const image = imageWith(layer(bytes, content));
    const { bundle, fault } = await check([image, image]);
    t.is(fault, undefined);
    t.deepEqual(bundle?.layersChecked, { layers: 2, notChecked: [] });
  },
  title: (what) => `deep: the content is what the image promises: ${what}`,
});
test('gzip', honest, gzipSync(content));
test('not compressed', honest, content);
test(
  'gzip in two members, as some builders write it',
  honest,
  Buffer.concat([gzipSync(content.subarray(0, 70_000)), gzipSync(content.subarray(70_000))]),
);

const lying = test.macro({
  async exec(t: ExecutionContext, bytes: Buffer, words: RegExp) {
    const image = imageWith(layer(bytes, content));
    t.is((await check([image], false)).fault, undefined, 'every byte is as signed');
    const { fault } = await check([image]);
    t.is(fault?.code, 'E_IMAGE_MALFORMED');
    t.regex(fault?.message ?? '', words);
    t.true(fault?.message.includes('docker.io/demisto/image:0'));
    t.true(fault?.message.includes(digestOf(content)));
    t.is(fault?.details.damage, undefined, 'nothing of the bundle is lost');
  },
  title: (what) => `deep: refused: ${what}`,
});
test('other content than the config promises', lying, gzipSync('other'), /decompresses to sha256:/);
test('a layer that is not compressed, of other content', lying, Buffer.from('other'), /decompresses to/);
test('an empty layer', lying, Buffer.alloc(0), /decompresses to/);
test(
  'bytes behind the compressed content',
  lying,
  Buffer.concat([gzipSync(content), Buffer.from('more')]),
  /does not decompress/,
);
test('zeros behind it', lying, Buffer.concat([gzipSync(content), Buffer.alloc(512)]), /does not decompress/);
test('a layer that is cut', lying, gzipSync(content).subarray(0, -9), /does not decompress/);
test(
  'a second member that is none',
  lying,
  Buffer.concat([gzipSync(content), Buffer.from([0x1f, 0x8b, 8, 0, 1])]),
  /does not decompress/,
);

test('deep: every layer that lies is told, each once, with the images that have it', async (t) => {
  const [one, two] = [gzipSync('one'), gzipSync('two')];
  const images = [imageWith(layer(one, content), layer(two, content)), imageWith(layer(one, content))];
  const { fault } = await check(images);
  t.deepEqual(
    fault?.errors.map(({ code }) => code),
    ['E_IMAGE_MALFORMED', 'E_IMAGE_MALFORMED'],
  );
  t.true(fault?.errors.some(({ message }) => /image:0, docker.io\/demisto\/image:1/.test(message)));
});

test('deep: a layer in zstd is checked where Node can, and told where it cannot', async (t) => {
  const small = Buffer.from('small');
  // One frame of one block that is not compressed (RFC 8878).
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, small.length, (small.length << 3) | 1, 0, 0]);
  const packed = layer(Buffer.concat([head, small]), small, mediaTypes.ociLayerZstd);
  const { bundle, events, fault } = await check([imageWith(packed)]);
  t.is(fault, undefined);
  const canZstd = 'createZstdDecompress' in zlib;
  t.deepEqual(bundle?.layersChecked, {
    layers: canZstd ? 2 : 1,
    notChecked: canZstd ? [] : [packed.descriptor.digest],
  });
  t.is(
    events.some((event) => event.type === 'note' && event.message.includes('Node 22.15 or later can')),
    !canZstd,
  );
});

test('deep: more layers than are decompressed at a time, with more bytes than may wait', async (t) => {
  const layers = Array.from({ length: 12 }, (_, at) => {
    const bytes = noise(`layer ${at}`, 5_000_000);
    return layer(gzipSync(bytes, { level: 1 }), bytes);
  });
  const { bundle, fault } = await check([imageWith(...layers)]);
  t.is(fault, undefined);
  t.is(bundle?.layersChecked?.layers, 13);
});
