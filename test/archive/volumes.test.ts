import test from 'ava';
import { ArchiveMeter, measure } from '../../src/archive/archive-size.ts';
import { planArchive } from '../../src/archive/plan.ts';
import { onePerImage, packVolumes } from '../../src/archive/volumes.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { PackferryError } from '../../src/core/errors.ts';
import type { Descriptor, Layer, LockedImage } from '../../src/core/image.ts';

const mib = 1024 * 1024;

function descriptor(name: string, size: number): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(name), size };
}

function layer(name: string, size: number): Layer {
  return { ...descriptor(name, size), diffId: digestOf(`diff ${name}`) };
}

function image(reference: string, layers: readonly Layer[], identity = reference): LockedImage {
  return {
    reference,
    platform: { os: 'linux', architecture: 'amd64' },
    manifest: descriptor(`manifest ${identity}`, 1111),
    config: descriptor(`config ${identity}`, 2222),
    layers,
    source: 'test:',
  };
}

/** Numbers below 1 that look random and are the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** Images of many repositories over some bases, with names and sizes of all lengths. */
function someImages(count: number, seed: number): LockedImage[] {
  const next = random(seed);
  const bases = Array.from({ length: 25 }, (_, base) =>
    Array.from({ length: 6 }, (_layer, at) => layer(`base ${base}.${at}`, Math.ceil(next() * 20 * mib))),
  );
  return Array.from({ length: count }, (_, at) => {
    const repository = Math.floor(next() * 154);
    const own = Array.from({ length: 4 }, (_layer, n) =>
      layer(`own ${at}.${n}`, Math.ceil(next() ** 3 * 50 * mib)),
    );
    const name = `docker.io/demisto/${'r'.repeat(1 + Math.floor(next() * 40))}${repository}:1.0.${at}`;
    return image(name, [...(bases[repository % 25] ?? []), ...own]);
  });
}

const names = (volumes: readonly (readonly LockedImage[])[]): string[][] =>
  volumes.map((volume) => volume.map(({ reference }) => reference));

const sizeOf = (images: readonly LockedImage[]): number =>
  planArchive(images, { commitRecord: 'first' }).size;

test('the meter always says what the plan says', (t) => {
  const plain = someImages(40, 7);
  const [first, second] = plain as [LockedImage, LockedImage];
  const images = [
    { ...first, reference: `docker.io/demisto/x@${first.manifest.digest}` },
    ...plain,
    { ...first, reference: 'docker.io/demisto/alias:1' },
    { ...second, reference: `docker.io/demisto/y@${second.manifest.digest}` },
    { ...second, reference: 'docker.io/demisto/alias:2' },
  ];
  const meter = new ArchiveMeter();
  for (const [at, next] of images.entries()) {
    const measured = measure(next);
    t.is(measured.alone, sizeOf([next]));
    t.is(meter.sizeWith(measured).size, sizeOf(images.slice(0, at + 1)));
    meter.add(measured);
  }
});

test('the meter is exact to the byte: names of all lengths, over every block border', (t) => {
  for (let layers = 0; layers < 7; layers += 1) {
    for (let length = 1; length <= 100; length += 1) {
      const named = image(
        `docker.io/x/y:${'t'.repeat(length)}`,
        Array.from({ length: layers }, (_, at) => layer(`layer ${at}`, 1)),
      );
      const nameless = { ...named, reference: `docker.io/x/y@${named.manifest.digest}` };
      const alias = { ...named, reference: 'docker.io/x/z:1' };
      const other = image('docker.io/x/other:1', []);
      for (const images of [
        [nameless, named],
        [named, alias],
        [other, named],
        [named, nameless],
      ]) {
        const meter = new ArchiveMeter();
        const [first, second] = images.map((one) => measure(one));
        if (first !== undefined) meter.add(first);
        const size = second === undefined ? 0 : meter.sizeWith(second).size;
        if (size !== sizeOf(images)) t.fail(images.map(({ reference }) => reference).join(' + '));
      }
    }
  }
  t.pass();
});

for (const limit of [4 * 1024 * mib - 1, 1024 * mib, 600 * mib]) {
  test(`400 images fit into volumes of ${limit} bytes, none lost, none too large`, (t) => {
    const images = someImages(400, 42);
    const started = performance.now();
    const volumes = packVolumes(images, limit);
    t.log(`${volumes.length} volumes in ${Math.round(performance.now() - started)} ms`);
    t.deepEqual(
      volumes
        .flat()
        .map(({ reference }) => reference)
        .sort(),
      images.map(({ reference }) => reference).sort(),
    );
    for (const volume of volumes) t.true(sizeOf(volume) <= limit);
    const total = volumes.reduce((sum, volume) => sum + sizeOf(volume), 0);
    t.true(total < 1.15 * sizeOf(images), 'sharing is mostly kept');
  });
}

test('images over one base go together', (t) => {
  const [a, b] = [layer('base a', 50 * mib), layer('base b', 50 * mib)];
  const images = [1, 2, 3].flatMap((n) => [
    image(`docker.io/x/a:${n}`, [a, layer(`a${n}`, 10 * mib + n)]),
    image(`docker.io/x/b:${n}`, [b, layer(`b${n}`, 10 * mib + n)]),
  ]);
  t.deepEqual(names(packVolumes(images, 90 * mib)), [
    ['docker.io/x/a:1', 'docker.io/x/a:2', 'docker.io/x/a:3'],
    ['docker.io/x/b:1', 'docker.io/x/b:2', 'docker.io/x/b:3'],
  ]);
});

test('the order of the images makes no difference', (t) => {
  const images = someImages(60, 3);
  const expected = names(packVolumes(images, 700 * mib));
  t.deepEqual(names(packVolumes([...images].reverse(), 700 * mib)), expected);
  t.deepEqual(names(packVolumes([...images.slice(31), ...images.slice(0, 31)], 700 * mib)), expected);
});

test('the limit is exact: one byte less makes a second volume', (t) => {
  const images = [image('docker.io/x/a:1', [layer('a', 1000)]), image('docker.io/x/b:1', [layer('b', 1000)])];
  const together = sizeOf(images);
  t.is(packVolumes(images, together).length, 1);
  t.is(packVolumes(images, together - 1).length, 2);
});

test('no images make no volumes', (t) => {
  t.deepEqual(packVolumes([], 1), []);
  t.deepEqual(onePerImage([], 1), []);
});

const tooLarge = test.macro({
  exec(t, pack: typeof packVolumes) {
    const fits = image('docker.io/x/fits:1', [layer('small', 1000)]);
    const large = image('docker.io/x/large:1', [layer('large', 100_000)]);
    const need = sizeOf([large]);
    const fault = t.throws<PackferryError>(() => pack([fits, large], need - 1), {
      code: 'E_IMAGE_TOO_LARGE',
    });
    t.true(fault.message.includes('docker.io/x/large:1'));
    t.true(fault.message.includes(String(need - 1)));
    t.true(fault.hint?.includes(String(need)));
    t.notThrows(() => pack([fits, large], need));

    const larger = image('docker.io/x/larger:1', [layer('larger', 200_000)]);
    const faults = t.throws<PackferryError>(() => pack([large, larger, fits], need - 1), {
      code: 'E_IMAGE_TOO_LARGE',
    });
    t.deepEqual(
      faults.errors.map(({ code }) => code),
      ['E_IMAGE_TOO_LARGE', 'E_IMAGE_TOO_LARGE'],
    );
    t.true(faults.hint?.includes(String(sizeOf([larger]))));
    t.deepEqual([...new Set(faults.errors.map(({ hint }) => hint))], [faults.hint], 'one size that fits all');
  },
  title: (which) => `an image over the limit is refused by name with the size that it needs: ${which}`,
});
test('packVolumes', tooLarge, packVolumes);
test('onePerImage', tooLarge, onePerImage);

test('one archive per image, sorted by reference', (t) => {
  const shared = layer('shared', 10);
  const images = ['c:1', 'a:2', 'b:1', 'a:10'].map((name) => image(`docker.io/x/${name}`, [shared]));
  t.deepEqual(names(onePerImage(images, mib)), [
    ['docker.io/x/a:10'],
    ['docker.io/x/a:2'],
    ['docker.io/x/b:1'],
    ['docker.io/x/c:1'],
  ]);
});
