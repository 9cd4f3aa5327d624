import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { deflateRawSync, gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { noise } from '../../bin/demo/sample-images.ts';
import { plainSizeOf, readPlain, UnexpectedContent } from '../../src/archive/plain-layer.ts';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Layer } from '../../src/core/image.ts';
import { limits } from '../../src/core/limits.ts';
import { mediaTypes } from '../../src/core/media-types.ts';

const tar = Buffer.concat([noise('tar', 64 * 1024), Buffer.alloc(1024 * 1024)]);
const packed = gzipSync(tar);

function layerOf(bytes: Buffer, mediaType: string = mediaTypes.ociLayerGzip): Layer {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, diffId: digestOf(tar) };
}

function told(size: number, isize: number, mediaType?: string): number | undefined {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(isize, 4);
  return plainSizeOf({ ...layerOf(packed, mediaType), size }, trailer);
}

test('the size is read off the end of a gzip layer, and only where it can be right', (t) => {
  t.is(plainSizeOf(layerOf(packed), packed.subarray(-8)), tar.length);
  t.is(plainSizeOf(layerOf(packed, mediaTypes.dockerLayerGzip), packed.subarray(-8)), tar.length);
  for (const type of [mediaTypes.ociLayer, mediaTypes.ociLayerZstd])
    t.is(told(1000, 2048, type), undefined, type);
  t.is(told(1000, 0), undefined, 'the last member is empty, as in eStargz');
  t.is(told(1000, 2049), undefined, 'no whole blocks');
  t.is(
    told(1_000_000, 512 * 1000),
    undefined,
    'less than there is compressed: more than one member, or over 4 GiB',
  );
  t.is(plainSizeOf(layerOf(packed), packed.subarray(-4)), undefined, 'the source gave fewer bytes');
  const level0 = gzipSync(noise('noise', 512 * 4000), { level: 0 });
  t.is(
    plainSizeOf(layerOf(level0), level0.subarray(-8)),
    512 * 4000,
    'stored, hence larger than its content',
  );
});

test('a size beyond the limits of layers is not believed', (t) => {
  t.is(told(1000, limits.layerContentOfAny), limits.layerContentOfAny);
  t.is(told(1000, limits.layerContentOfAny + 512), undefined);
  const large = Math.ceil((limits.layerContentOfAny + 512) / limits.layerRatio);
  t.is(told(large, limits.layerContentOfAny + 512), limits.layerContentOfAny + 512);
});

interface Expected {
  readonly size?: number;
  readonly diffId?: Layer['diffId'];
}

/** Reads a layer that is kept as `bytes`. */
function reading(bytes: Buffer, expected: Expected = {}, kept = bytes): Promise<Buffer> {
  const options = { name: 'image', openBlob: () => Promise.resolve(Readable.from([kept])) };
  const plain = { size: tar.length, diffId: digestOf(tar), ...expected };
  const { signal } = new AbortController();
  return buffer(readPlain(layerOf(bytes), plain, options, signal, () => undefined));
}

test('what comes out is the tar; what was read is counted as it is kept', async (t) => {
  t.true((await reading(packed)).equals(tar));
  let read = 0;
  const options = { name: 'image', openBlob: () => Promise.resolve(Readable.from([packed])) };
  const plain = { size: tar.length, diffId: digestOf(tar) };
  const { signal } = new AbortController();
  await buffer(readPlain(layerOf(packed), plain, options, signal, (bytes) => (read = bytes)));
  t.is(read, packed.length);
});

test('where the receiver compares the content, only its size is looked at', async (t) => {
  const bare = (size: number, kept = packed): Promise<Buffer> => {
    const options = { name: 'image', openBlob: () => Promise.resolve(Readable.from([kept])) };
    const { signal } = new AbortController();
    return buffer(readPlain(layerOf(packed), { size }, options, signal, () => undefined));
  };
  t.true((await bare(tar.length)).equals(tar));
  await t.throwsAsync(bare(tar.length - 512), { instanceOf: UnexpectedContent });
  await t.throwsAsync(bare(tar.length + 512), { instanceOf: UnexpectedContent });
  await t.throwsAsync(bare(tar.length, gzipSync(tar, { level: 1 })), { instanceOf: PackferryError });
});

async function unexpected(t: ExecutionContext, bytes: Buffer, words: RegExp, as?: Expected): Promise<void> {
  await t.throwsAsync(reading(bytes, as), { instanceOf: UnexpectedContent, message: words }, String(words));
}

test('any other content ends with a fault, so that nothing of it is believed', async (t) => {
  await unexpected(t, packed, /more content/, { size: tar.length - 512 });
  await unexpected(t, packed, /less content/, { size: tar.length + 512 });
  await unexpected(t, packed, /decompresses to sha256:/, { diffId: digestOf(packed) });
  const members = Buffer.concat([gzipSync(tar.subarray(0, 512)), gzipSync(tar.subarray(512))]);
  await unexpected(t, members, /more content/, { size: tar.length - 512 });
  await unexpected(t, Buffer.concat([packed, Buffer.alloc(512)]), /behind its end/);
  await unexpected(t, packed.subarray(0, -12), /cannot be decompressed/);
  await unexpected(t, deflateRawSync(tar), /cannot be decompressed/);
  await unexpected(t, tar, /cannot be decompressed/);
});

test('a bomb ends one byte behind what it says, and its rest is not read', async (t) => {
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024), { level: 9 });
  let given = 0;
  const pieces = function* (): Generator<Buffer> {
    for (let at = 0; at < bomb.length; at += 4096) {
      given = at;
      yield bomb.subarray(at, at + 4096);
    }
  };
  const options = { name: 'image', openBlob: () => Promise.resolve(Readable.from(pieces())) };
  const { signal } = new AbortController();
  const plain = { size: 1024 * 1024, diffId: digestOf(tar) };
  let out = 0;
  await t.throwsAsync(
    async () => {
      for await (const chunk of readPlain(layerOf(bomb), plain, options, signal, () => undefined))
        out += chunk.length;
    },
    { instanceOf: UnexpectedContent },
  );
  t.true(out <= 1024 * 1024, String(out));
  t.true(given < bomb.length - 4096, 'the rest was never asked for');
});

test('damage on the disk is told as what it is', async (t) => {
  const changed = Buffer.from(packed);
  // In the header, of which the decompressor uses nothing: the time.
  changed.writeUInt8(changed.readUInt8(4) ^ 1, 4);
  await t.throwsAsync(reading(packed, {}, changed), {
    instanceOf: PackferryError,
    code: 'E_DIGEST_MISMATCH',
  });
  const longer = Buffer.concat([packed, Buffer.alloc(1)]);
  await t.throwsAsync(reading(packed, {}, longer), { instanceOf: PackferryError, code: 'E_SIZE_MISMATCH' });
});

test('an abort ends it with its own fault, also while the source hangs', async (t) => {
  const stop = new AbortController();
  const source = new Readable({ read: () => undefined });
  const options = { name: 'image', openBlob: () => Promise.resolve(source) };
  const plain = { size: tar.length, diffId: digestOf(tar) };
  const read = buffer(readPlain(layerOf(packed), plain, options, stop.signal, () => undefined));
  setImmediate(() => stop.abort());
  await t.throwsAsync(read, { name: 'AbortError' });
  t.true(source.destroyed);
});
