import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { BlobMeetings } from '../../src/flows/blob-meetings.ts';
import type { Attendee } from '../../src/flows/save-meetings.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';

const names = ['a', 'b', 'c'];
const mebibyte = 2 ** 20;
const composed = names.map((name) =>
  composeImage({ files: [{ path: name, content: noise(name, 12 * mebibyte) }] }),
);
const images = composed.map((image, at) => lockComposed(`docker.io/demisto/${names[at]}:1`, image));
const layerOf = (image: LockedImage) => image.layers[0] ?? image.config;
const [a, b, c] = images as [LockedImage, LockedImage, LockedImage];

/** Layers of three images, one behind the other; notes which are opened, and how many bytes are taken. */
function bench() {
  const opened: string[] = [];
  const taken = { bytes: 0 };
  const inner = composedSource(composed);
  const meetings = new BlobMeetings({
    ...inner,
    openBlob: async (image, blob, options) => {
      opened.push(image.reference.slice(-3, -2));
      const bytes = await buffer(await inner.openBlob(image, blob, options));
      const piece = mebibyte / 2;
      const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, at) =>
        bytes.subarray(at * piece, (at + 1) * piece),
      );
      return Readable.from(
        (function* () {
          for (const each of pieces) {
            taken.bytes += each.length;
            yield each;
          }
        })(),
      );
    },
    placeOf: (image, { digest }) =>
      digest === layerOf(image).digest
        ? images.findIndex(({ reference }) => reference === image.reference)
        : undefined,
  });
  const attend = (...wanted: readonly LockedImage[]): Attendee =>
    meetings.attend(wanted.map((image) => ({ image, lacking: [layerOf(image)] })));
  return { opened, taken, attend };
}

const open = ({ source }: Attendee, image: LockedImage): Promise<Readable> =>
  source.openBlob(image, layerOf(image));
const take = async (attendee: Attendee, image: LockedImage): Promise<number> =>
  (await buffer(await open(attendee, image))).length;
const settled = async (): Promise<void> => {
  for (let at = 0; at < 50; at += 1) await turn();
};

test('nothing passes that another target may still come for, though it is not what the first one wants', async (t) => {
  const { opened, attend } = bench();
  const [ahead, behind] = [attend(c), attend(a, b)];
  const last = take(ahead, c);
  await settled();
  t.deepEqual(opened, []);
  await take(behind, a);
  await settled();
  t.deepEqual(opened, ['a']);
  await take(behind, b);
  await last;
  t.deepEqual(opened, ['a', 'b', 'c']);
});

test('what a target passes over, has in the end, or leaves behind is not waited for', async (t) => {
  const { opened, attend } = bench();
  const [first, hops, ends, leaves] = [attend(a, b, c), attend(a, c), attend(a), attend(a, b, c)];
  const ended = ends.attempt(a);
  const got = take(first, a);
  const hopped = take(hops, c);
  await settled();
  t.deepEqual(opened, []);
  ended();
  await settled();
  t.deepEqual(opened, []);
  leaves.leave();
  await got;
  t.deepEqual(opened, ['a']);
  await Promise.all([take(first, b), take(first, c), hopped]);
  t.deepEqual(opened, ['a', 'b', 'c'], 'the last one once for both');
});

test('who reads the same is fed from one reading, at the pace of the slowest, who may go away', async (t) => {
  const { opened, taken, attend } = bench();
  const [quick, slow] = [attend(a), attend(a)];
  const stuck = await open(slow, a);
  const whole = take(quick, a);
  await settled();
  t.true(taken.bytes < 12 * mebibyte, 'the medium waits');
  stuck.destroy();
  t.true((await whole) > 12 * mebibyte);
  t.deepEqual(opened, ['a']);
  t.true((await take(slow, a)) > 12 * mebibyte, 'who comes again has it read again');
  t.deepEqual(opened, ['a', 'a']);
});

test('who goes away while others are waited for is forgotten', async (t) => {
  const { opened, attend } = bench();
  const [gone, late] = [attend(a, b), attend(a, b)];
  const waiting = await open(gone, a);
  await settled();
  waiting.destroy();
  await settled();
  t.deepEqual(opened, []);
  await take(late, a);
  gone.leave();
  await take(late, b);
  t.deepEqual(opened, ['a', 'b']);
});
