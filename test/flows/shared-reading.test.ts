import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { collect } from '../../src/core/collect.ts';
import type { Descriptor, LockedImage } from '../../src/core/image.ts';
import type { BlobOptions, ImageSource } from '../../src/core/ports.ts';
import { sharedSource } from '../../src/flows/shared-reading.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';

const piece = 10_000;
const composed = composeImage({ files: [{ path: 'a', content: noise('a', 20 * piece) }] });
const image: LockedImage = lockComposed('docker.io/demisto/shared:1', composed);
const blob: Descriptor = image.layers[0] ?? image.config;

/** A source that counts what is read of it, and is asked for the first byte `from`. */
class Counted {
  readonly opened: number[] = [];
  bytes = 0;
  closed = 0;
  /** Thrown after so many bytes. */
  breaksAfter = Infinity;

  readonly source: ImageSource = composedSource([composed], (_, bytes, { from = 0 }: BlobOptions = {}) => {
    this.opened.push(from);
    const pieces = this.#pieces(bytes.subarray(from));
    const stream = Readable.from(pieces, { objectMode: false, highWaterMark: 1 });
    return stream.once('close', () => (this.closed += 1));
  });

  async *#pieces(bytes: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += piece) {
      await turn();
      if (at >= this.breaksAfter) throw new Error('bad sector');
      this.bytes += Math.min(piece, bytes.length - at);
      yield bytes.subarray(at, at + piece);
    }
  }
}

const whole = (stream: Readable): Promise<Buffer> => collect(stream, blob.size, 'the blob');
const settled = async (): Promise<void> => {
  for (let at = 0; at < 50; at += 1) await turn();
};

test('eight who read at the same speed cost one read', async (t) => {
  const counted = new Counted();
  const shared = sharedSource(counted.source, 4 * piece);
  const all = await Promise.all(
    Array.from({ length: 8 }, async () => whole(await shared.openBlob(image, blob))),
  );
  t.true(all.every((bytes) => bytes.length === blob.size && bytes.equals(all[0] ?? bytes)));
  t.deepEqual(counted.opened, [0]);
  t.is(counted.bytes, blob.size);
});

test('one that stands still does not hold up the others, and later reads the rest for itself', async (t) => {
  const counted = new Counted();
  const shared = sharedSource(counted.source, 4 * piece);
  const stalled = await shared.openBlob(image, blob);
  const [first] = await new Promise<Buffer[]>((resolve) => stalled.once('data', (...got) => resolve(got)));
  stalled.pause();
  const others = await Promise.all([1, 2].map(async () => whole(await shared.openBlob(image, blob))));
  t.is(counted.bytes, blob.size, 'the others had one read');
  const rest = await whole(stalled);
  t.deepEqual(Buffer.concat([first ?? Buffer.alloc(0), rest]), others[0]);
  const [, from = 0] = counted.opened;
  t.is(counted.opened.length, 2);
  t.true(from > 0 && from <= 3 * piece, `it went on at ${from}`);
  t.is(counted.bytes, 2 * blob.size - from);
});

test('one who comes while the start is still kept reads along, one who comes later begins anew', async (t) => {
  const counted = new Counted();
  const shared = sharedSource(counted.source, 4 * piece);
  const leader = await shared.openBlob(image, blob);
  await new Promise((resolve) => leader.once('data', resolve));
  leader.pause();
  const early = await shared.openBlob(image, blob);
  t.deepEqual(counted.opened, [0]);
  await Promise.all([whole(early), leader.resume().toArray()]);
  t.is(counted.bytes, blob.size);
  await whole(await shared.openBlob(image, blob));
  t.deepEqual(counted.opened, [0, 0]);
});

test('a small blob is read once for those who want it one after the other', async (t) => {
  const counted = new Counted();
  const shared = sharedSource(counted.source, 2 * image.config.size);
  for (let at = 0; at < 3; at += 1) {
    const content = await shared.openBlob(image, image.config);
    t.is((await collect(content, image.config.size, 'the config')).length, image.config.size);
  }
  t.deepEqual(counted.opened, [0]);
});

test('a fault of the source reaches all who read, and whoever tries again gets a new reading', async (t) => {
  const counted = new Counted();
  counted.breaksAfter = 5 * piece;
  const shared = sharedSource(counted.source);
  const readers = await Promise.all([1, 2, 3].map(() => shared.openBlob(image, blob)));
  for (const ended of await Promise.allSettled(readers.map(whole))) t.is(ended.status, 'rejected');
  counted.breaksAfter = Infinity;
  t.is((await whole(await shared.openBlob(image, blob))).length, blob.size);
  t.deepEqual(counted.opened, [0, 0]);
});

test('the source is closed when the last one who reads has left, and not before', async (t) => {
  const counted = new Counted();
  const shared = sharedSource(counted.source);
  const stop = new AbortController();
  const [one, two] = [
    await shared.openBlob(image, blob, { signal: stop.signal }),
    await shared.openBlob(image, blob),
  ];
  one.on('error', () => undefined);
  stop.abort();
  await settled();
  t.is(counted.closed, 0);
  two.destroy();
  await settled();
  t.is(counted.closed, 1);
  t.is((await whole(await shared.openBlob(image, blob))).length, blob.size);
});

test('one that is ended before the source has opened takes nothing along', async (t) => {
  const counted = new Counted();
  const slow: ImageSource = {
    ...counted.source,
    openBlob: async (...asked) => {
      await settled();
      return counted.source.openBlob(...asked);
    },
  };
  const shared = sharedSource(slow);
  const stop = new AbortController();
  const opening = shared.openBlob(image, blob, { signal: stop.signal });
  const other = shared.openBlob(image, blob);
  stop.abort();
  await t.throwsAsync(whole(await opening));
  t.is((await whole(await other)).length, blob.size);
});

test('a source that cannot be opened says so to all, and is asked again by the next', async (t) => {
  let asked = 0;
  const refusing: ImageSource = {
    ...composedSource([composed]),
    openBlob: () => {
      asked += 1;
      return Promise.reject(new Error('gone'));
    },
  };
  const shared = sharedSource(refusing);
  const both = await Promise.allSettled([shared.openBlob(image, blob), shared.openBlob(image, blob)]);
  t.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.is(asked, 1);
  await t.throwsAsync(shared.openBlob(image, blob), { message: 'gone' });
  t.is(asked, 2);
});

test('no more is read than the fastest one wants', async (t) => {
  const counted = new Counted();
  const shared = sharedSource(counted.source);
  const readers = await Promise.all([1, 2].map(() => shared.openBlob(image, blob)));
  for (const reader of readers) reader.read(0);
  await settled();
  t.true(counted.bytes < blob.size, `${counted.bytes} bytes were read ahead`);
  for (const reader of readers) reader.destroy();
});
