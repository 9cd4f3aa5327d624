import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { totalsOf } from '../../src/flows/report.ts';
import { bytesOnlyIn, savingsOf, sharedBytes } from '../../src/flows/sharing.ts';

/** An image of these layers: a name and a size each. Manifest and config have one byte. */
function image(reference: string, layers: Readonly<Record<string, number>>): LockedImage {
  const blob = (name: string, size: number): LockedImage['manifest'] => {
    return { mediaType: 'x', digest: digestOf(name), size };
  };
  return {
    ...{ reference, platform: { os: 'linux', architecture: 'amd64' }, source: 'registry://docker.io' },
    manifest: blob(`${reference} manifest`, 1),
    config: blob(`${reference} config`, 1),
    layers: Object.entries(layers).map(([name, size]) => ({ ...blob(name, size), diffId: digestOf(name) })),
  };
}

const images = [
  image('docker.io/demisto/ml:1', { base: 100, ml: 900 }),
  image('docker.io/demisto/ml:2', { base: 100, ml: 900, more: 5 }),
  image('docker.io/demisto/python3:1', { base: 100 }),
  image(`r.io/x@${digestOf('x')}`, { x: 50 }),
];

test('bytes that an image shares with others', (t) => {
  t.deepEqual([...sharedBytes(images).values()], [1000, 1000, 100, 0]);
});

test('bytes that only some images have', (t) => {
  t.is(bytesOnlyIn(images.slice(0, 2), images.slice(2)), 900 + 5 + 4);
  t.is(bytesOnlyIn(images.slice(0, 1), images.slice(1)), 2);
  t.is(bytesOnlyIn([], images), 0);
});

test('what leaving out repositories saves, most first', (t) => {
  t.deepEqual(savingsOf(images, 5), [
    { exclude: 'demisto/ml:*', images: 2, bytes: 909 },
    { exclude: 'r.io/x@*', images: 1, bytes: 52 },
    { exclude: 'demisto/python3:*', images: 1, bytes: 2 },
  ]);
  t.is(savingsOf(images, 1).length, 1);
  t.deepEqual(savingsOf([], 5), []);
});

test('what is saved and what is left make the whole', (t) => {
  const all = totalsOf(images).bytes;
  for (let mask = 0; mask < 2 ** images.length; mask += 1) {
    const group = images.filter((_, at) => (mask & (1 << at)) !== 0);
    const others = images.filter((one) => !group.includes(one));
    t.is(bytesOnlyIn(group, others) + totalsOf(others).bytes, all);
  }
});
