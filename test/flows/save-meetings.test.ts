import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import type { ImageSource, UnpackedImages } from '../../src/core/ports.ts';
import { SaveMeetings, type Attendee } from '../../src/flows/save-meetings.ts';
import { lockUnpacked } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';

const imageOf = (name: string): LockedImage =>
  lockUnpacked(
    `docker.io/demisto/${name}:1`,
    composeImage({ files: [{ path: name, content: noise(name, 10) }] }),
  );
const [one, two, three] = [imageOf('one'), imageOf('two'), imageOf('three')];

/** Meetings at a source that notes what it has to save. */
function bench(): { readonly saves: string[]; readonly meetings: SaveMeetings } {
  const saves: string[] = [];
  const unpacked: UnpackedImages = {
    resolve: () => Promise.reject(new Error('not asked')),
    async *openSave({ reference }) {
      saves.push(reference);
      await turn();
      yield Buffer.from(reference);
    },
  };
  const source: ImageSource = composedSource([]);
  return { saves, meetings: new SaveMeetings(source, unpacked) };
}

async function take({ source }: Attendee, image: LockedImage, signal?: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  const options = signal === undefined ? {} : { signal };
  for await (const chunk of source.unpacked?.openSave(image, options) ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Brings images one after the other, as a target does that takes one at a time. */
async function bring(attendee: Attendee, images: readonly LockedImage[]): Promise<string[]> {
  const got: string[] = [];
  for (const image of images) {
    const ended = attendee.attempt(image);
    got.push(await take(attendee, image));
    ended();
  }
  attendee.leave();
  return got;
}

const settled = async (): Promise<void> => {
  for (let at = 0; at < 50; at += 1) await turn();
};

test('targets that want the same images have each saved once, however late one of them comes', async (t) => {
  const { saves, meetings } = bench();
  const images = [one, two, three];
  const [quick, late] = [meetings.attend(images), meetings.attend(images)];
  const first = bring(quick, images);
  await settled();
  t.deepEqual(saves, [], 'it waits');
  const got = await Promise.all([first, bring(late, images)]);
  t.deepEqual(
    saves,
    images.map(({ reference }) => reference),
  );
  t.deepEqual(got[0], got[1]);
});

test('a target that has an image after all, fails before, or leaves is waited for no longer', async (t) => {
  const { saves, meetings } = bench();
  const [waits, other] = [meetings.attend([one, two]), meetings.attend([one, two])];
  const brought = bring(waits, [one, two]);
  await settled();
  t.deepEqual(saves, []);
  other.attempt(one)();
  await settled();
  t.deepEqual(saves, [one.reference]);
  other.leave();
  t.is((await brought).length, 2);
});

test('targets in different orders do not wait for each other for ever', async (t) => {
  const { saves, meetings } = bench();
  const orders = [
    [one, two, three],
    [three, two, one],
    [two, one, three],
  ];
  const attendees = orders.map((images) => meetings.attend(images));
  const got = await Promise.all(
    orders.map((images, at) => bring(attendees[at] ?? meetings.attend([]), images)),
  );
  for (const [at, images] of orders.entries()) {
    t.deepEqual(
      got[at],
      images.map(({ reference }) => reference),
    );
  }
  t.true(saves.length >= 3 && saves.length <= 9);
});

test('who comes a second time has it saved for itself', async (t) => {
  const { saves, meetings } = bench();
  const [again, other] = [meetings.attend([one]), meetings.attend([one])];
  again.attempt(one);
  other.attempt(one);
  await Promise.all([take(again, one), take(other, one)]);
  t.is(await take(again, one), one.reference);
  t.deepEqual(saves, [one.reference, one.reference]);
});

test('the connection to the engine breaks in the middle: who was told of it comes again, and it is saved once for all', async (t) => {
  let saves = 0;
  const unpacked: UnpackedImages = {
    resolve: () => Promise.reject(new Error('not asked')),
    async *openSave({ reference }) {
      saves += 1;
      yield Buffer.from(reference);
      await turn();
      if (saves === 1) {
        throw new PackferryError('E_SOURCE_UNREACHABLE', 'lost', { details: { sourceBroke: true } });
      }
    },
  };
  const meetings = new SaveMeetings(composedSource([]), unpacked);
  const both = [meetings.attend([one]), meetings.attend([one])];
  for (const attendee of both) attendee.attempt(one);
  for (const taking of both.map((attendee) => take(attendee, one)))
    await t.throwsAsync(taking, { code: 'E_SOURCE_UNREACHABLE' });
  const [quick, late] = both as [Attendee, Attendee];
  const first = take(quick, one);
  await settled();
  t.is(saves, 1, 'it waits for the other one');
  t.deepEqual(await Promise.all([first, take(late, one)]), [one.reference, one.reference]);
  t.is(saves, 2);
});

test('an interruption ends the wait, and the others do not wait for who was interrupted', async (t) => {
  const { saves, meetings } = bench();
  const [stopped, second, third] = [one, one, one].map((image) => meetings.attend([image])) as [
    Attendee,
    Attendee,
    Attendee,
  ];
  const stop = new AbortController();
  const ended = stopped.attempt(one);
  const waiting = take(stopped, one, stop.signal);
  await settled();
  stop.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
  await t.throwsAsync(waiting, { instanceOf: PackferryError, code: 'E_INTERRUPTED' });
  ended();
  stopped.leave();
  t.deepEqual(saves, []);
  t.deepEqual(await Promise.all([bring(second, [one]), bring(third, [one])]), [
    [one.reference],
    [one.reference],
  ]);
  t.deepEqual(saves, [one.reference]);
});
