import path from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import type { BlobLender } from '../../src/bundle/lender.ts';
import { collect } from '../../src/core/collect.ts';
import type { Event } from '../../src/core/events.ts';
import { blobsOf, uniqueBlobs } from '../../src/core/image.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { withBundleFixture, type BundleFixture } from '../helpers/bundle-fixture.ts';

/** What a lender of all blobs of the fixture does to them before it gives them away. */
interface Lending {
  /** Part of each blob that it holds, from 0 to 1. */
  readonly part?: number;
  readonly change?: (bytes: Buffer) => Buffer;
  /** Breaks in the middle of what it said it holds. */
  readonly breaks?: boolean;
}

async function lenderOf({ images, source }: BundleFixture, lending: Lending): Promise<BlobLender> {
  const { part = 1, change = (bytes: Buffer): Buffer => bytes, breaks = false } = lending;
  const blobs = new Map<string, Buffer>();
  for (const image of images) {
    for (const blob of blobsOf(image)) {
      const bytes = await collect(await source.openBlob(image, blob), 10_000_000, blob.digest);
      blobs.set(blob.digest, change(Buffer.from(bytes)).subarray(0, Math.ceil(bytes.length * part)));
    }
  }
  return {
    name: 'the lender',
    held: ({ digest }) => blobs.get(digest)?.length ?? 0,
    open: (digest, from) => {
      const bytes = blobs.get(digest)?.subarray(from) ?? Buffer.of();
      return Promise.resolve(Readable.from(breaks ? broken(bytes) : [bytes], { objectMode: false }));
    },
  };
}

function* broken(bytes: Buffer): Generator<Buffer> {
  yield bytes.subarray(0, bytes.length / 2);
  throw Object.assign(new Error('read error'), { code: 'EIO' });
}

/** `fetched` tells how many blobs are asked of the source, and from which part on (0 to 1) at least one of them. */
const lends = test.macro({
  async exec(t, lending: Lending, expected: { fetched: boolean; from: number; warns: RegExp | undefined }) {
    await withBundleFixture(async (fixture) => {
      const { folder, write, open, images } = fixture;
      const asked: number[] = [];
      const source: ImageSource = {
        ...fixture.source,
        openBlob: (image, blob, options) => {
          asked.push((options?.from ?? 0) / blob.size);
          return fixture.source.openBlob(image, blob, options);
        },
      };
      const notes: string[] = [];
      const emit = (event: Event): void => {
        if (event.type === 'note') notes.push(event.message);
      };
      const dir = path.join(folder, 'out');
      const lenders = [await lenderOf(fixture, lending)];
      const { bytesFetched } = await write(dir, { source, lenders, emit });
      await t.notThrowsAsync(open(dir));
      t.is(asked.length, expected.fetched ? uniqueBlobs(images).length : 0);
      t.is(bytesFetched > 0, expected.fetched);
      for (const from of asked) t.true(Math.abs(from - expected.from) < 0.01, String(from));
      if (expected.warns === undefined) t.deepEqual(notes, []);
      else for (const note of notes) t.regex(note, expected.warns);
      t.is(notes.length > 0, expected.warns !== undefined);
    });
  },
  title: (what) => `lent blobs: ${what ?? ''}`,
});

test('all are there, nothing is fetched', lends, {}, { fetched: false, from: 0, warns: undefined });
test(
  'half of each is there, the rest is fetched',
  lends,
  { part: 0.5 },
  {
    fetched: true,
    from: 0.5,
    warns: undefined,
  },
);
test(
  'damaged ones are told and fetched from the start',
  lends,
  { change: flipped },
  {
    fetched: true,
    from: 0,
    warns: /^the lender: blob sha256:[0-9a-f]{64} is damaged there$/,
  },
);
test(
  'where one cannot be read, the source goes on',
  lends,
  { breaks: true },
  {
    fetched: true,
    from: 0.5,
    warns: /^the lender: blob sha256:[0-9a-f]{64} cannot be read there: read error$/,
  },
);

function flipped(bytes: Buffer): Buffer {
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes;
}
