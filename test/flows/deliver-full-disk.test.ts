import test from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { blobsOf, totalSize, type LockedImage } from '../../src/core/image.ts';
import type { Event } from '../../src/core/events.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { deliverImages, type DeliveryOptions } from '../../src/flows/deliver.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';

const image = (name: string, size: number): LockedImage =>
  lockComposed(
    `docker.io/demisto/${name}:1`,
    composeImage({ files: [{ path: name, content: noise(name, size) }] }),
  );

const small = image('small', 1000);
const large = image('large', 50_000);
const huge = image('huge', 90_000);

const codeOfFull: (image: LockedImage) => ErrorCode = () => 'E_TARGET_FULL';

/** An engine that has room for the small image, as long as no other one is being loaded, and from a certain try on. */
function crampedTarget(tried: string[], roomFrom: number, codeOf = codeOfFull): ImageTarget {
  let loading = 0;
  const held = new Set<string>();
  return {
    name: 'docker:cramped',
    survey: () => Promise.reject(new Error('not asked for')),
    deliver: async (wanted) => {
      tried.push(wanted.reference);
      loading += 1;
      // Whoever is to be loaded at the same time has begun by then.
      await new Promise((resolve) => setImmediate(resolve));
      const isAlone = loading === 1;
      await new Promise((resolve) => setImmediate(resolve));
      loading -= 1;
      if (!isAlone || wanted !== small || tried.length < roomFrom) {
        throw new PackferryError(codeOf(wanted), `${wanted.reference}: not loaded`);
      }
      held.add(wanted.reference);
      return { bytesSent: totalSize(blobsOf(wanted)), bytesSkipped: 0 };
    },
    confirm: ({ reference, config }) =>
      Promise.resolve(
        held.has(reference)
          ? { confirmed: true, id: config.digest }
          : { confirmed: false, reason: 'it is not there' },
      ),
    close: () => Promise.resolve(),
  };
}

async function deliver(
  options: Partial<DeliveryOptions>,
  roomFrom = 0,
  codeOf = codeOfFull,
): Promise<{
  readonly tried: readonly string[];
  readonly statuses: readonly string[];
  readonly codes: readonly string[];
  readonly events: readonly Event[];
}> {
  const [tried, errors, events]: [string[], PackferryError[], Event[]] = [[], [], []];
  const surveyed = [huge, large, small].map((one) => ({
    image: one,
    presence: { state: 'absent' as const },
  }));
  const { signal } = new AbortController();
  const all = { dryRun: false, keepGoing: true, jobs: 3, emit: (event: Event) => events.push(event), signal };
  const images = await deliverImages(
    crampedTarget(tried, roomFrom, codeOf),
    surveyed,
    composedSource([]),
    errors,
    {
      ...all,
      ...options,
    },
  );
  return {
    tried: tried.map((reference) => reference.slice('docker.io/demisto/'.length, -2)),
    statuses: images.map(({ status }) => status),
    codes: errors.map(({ code }) => code),
    events,
  };
}

test('images that met a full disk beside others are tried again alone, up to the first that fails again', async (t) => {
  const { tried, statuses, codes, events } = await deliver({});
  t.deepEqual(tried.slice(0, 3).sort(), ['huge', 'large', 'small']);
  t.deepEqual(tried.slice(3), ['small', 'large']);
  t.deepEqual(statuses, ['failed', 'failed', 'loaded']);
  t.deepEqual(codes, ['E_TARGET_FULL', 'E_TARGET_FULL']);
  const failed = events.flatMap((event) => (event.type === 'failed' ? [event.item] : []));
  t.deepEqual(failed.sort(), [huge.reference, large.reference].sort(), 'each is told once');
});

test('the first image that met a full disk, alone, is not tried again; those after it are', async (t) => {
  const { tried, statuses, codes } = await deliver({ jobs: 1 });
  t.deepEqual(tried.slice(0, 3), ['huge', 'large', 'small']);
  t.deepEqual([...new Set(tried.slice(3))], ['large']);
  t.deepEqual(statuses, ['failed', 'failed', 'loaded']);
  t.deepEqual(codes, ['E_TARGET_FULL', 'E_TARGET_FULL']);
});

test('an engine that gives room back a moment after it has told of a full disk', async (t) => {
  const { tried, statuses } = await deliver({ jobs: 1 }, 6);
  t.deepEqual(tried, ['huge', 'large', 'small', 'small', 'small', 'small', 'large']);
  t.deepEqual(statuses, ['failed', 'failed', 'loaded']);
});

test('an image that is refused for what looks like another reason, beside one that met a full disk, is tried again, too', async (t) => {
  const codeOf = (one: LockedImage): ErrorCode => (one === small ? 'E_LOAD_FAILED' : 'E_TARGET_FULL');
  const { tried, statuses, codes } = await deliver({}, 0, codeOf);
  t.deepEqual(tried.slice(3), ['small', 'large']);
  t.deepEqual(statuses, ['failed', 'failed', 'loaded']);
  t.deepEqual(codes, ['E_TARGET_FULL', 'E_TARGET_FULL']);
});

test('where no disk is full, images that are refused are tried once, and each is told once', async (t) => {
  const { tried, statuses, codes, events } = await deliver({}, 0, () => 'E_LOAD_FAILED');
  t.deepEqual([...tried].sort(), ['huge', 'large', 'small']);
  t.deepEqual(statuses, ['failed', 'failed', 'failed']);
  t.deepEqual(codes, ['E_LOAD_FAILED', 'E_LOAD_FAILED', 'E_LOAD_FAILED']);
  t.is(events.filter(({ type }) => type === 'failed').length, 3);
});

test('without --keep-going a full disk ends it', async (t) => {
  const { tried, statuses } = await deliver({ jobs: 1, keepGoing: false });
  t.deepEqual(tried, ['huge']);
  t.deepEqual(statuses, ['failed', 'pending', 'pending']);
});
