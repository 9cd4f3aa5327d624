import { gzipSync } from 'node:zlib';
import type { ComposedImage } from '../../bin/demo/compose-image.ts';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { blobsOf, totalSize, uniqueBlobs, type LockedImage } from '../../src/core/image.ts';
import type { Delivery, Presence } from '../../src/core/ports.ts';
import { deliverImages } from '../../src/flows/deliver.ts';
import { silent } from '../../src/core/events.ts';
import { lockComposed } from '../helpers/compose.ts';
import { repacked } from '../helpers/repacked.ts';
import { engineTest, savedLayers, type EngineBench } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';

const repository = 'docker.io/demisto/sample';

const file = (name: string, size = 20_000): { path: string; content: Buffer } => ({
  path: name,
  content: noise(name, size),
});

/** A base of two layers. */
function baseImage(): ComposedImage {
  return composeImage({ base: composeImage({ files: [file('os')] }), files: [file('python')] });
}

async function bring(
  { target }: EngineBench,
  image: LockedImage,
  composed: ComposedImage,
): Promise<{ presence: Presence | undefined; delivery: Delivery }> {
  const [presence] = await target.survey([image]);
  return { presence, delivery: await target.deliver(image, composedSource([composed])) };
}

engineTest(
  'on a base that is there only the missing layer is sent, and the image is whole',
  async (t, bench) => {
    const base = baseImage();
    const top = composeImage({ base, files: [file('app', 3000)] });
    const lockedBase = lockComposed(`${repository}:base`, base);
    const locked = lockComposed(`${repository}:app`, top);
    const first = await bring(bench, lockedBase, base);
    t.deepEqual(first.delivery, { bytesSent: totalSize(blobsOf(lockedBase)), bytesSkipped: 0 });

    const { presence, delivery } = await bring(bench, locked, top);
    const shared = totalSize(lockedBase.layers);
    t.deepEqual(delivery, { bytesSent: totalSize(blobsOf(locked)) - shared, bytesSkipped: shared });
    t.deepEqual(presence, { state: 'absent', held: new Set(lockedBase.layers.map(({ digest }) => digest)) });
    t.like(await bench.target.confirm(locked), { confirmed: true, id: locked[bench.kind.idOf].digest });
    t.deepEqual(
      await savedLayers(bench, locked),
      locked.layers.map(({ diffId }) => diffId),
    );
  },
);

engineTest('a base that is removed after the survey: the image is sent in full', async (t, bench) => {
  const base = baseImage();
  const top = composeImage({ base, files: [file('app', 3000)] });
  const lockedBase = lockComposed(`${repository}:base`, base);
  const locked = lockComposed(`${repository}:app`, top);
  await bring(bench, lockedBase, base);
  await bench.target.survey([locked]);
  await bench.engine.run(['image', 'rm', lockedBase.reference]);

  const delivery = await bench.target.deliver(locked, composedSource([top]));
  t.like(delivery, { bytesSent: totalSize(blobsOf(locked)), bytesSkipped: 0 });
  t.truthy(delivery.sentInFull);
  t.like(await bench.target.confirm(locked), { confirmed: true });
  t.is((await savedLayers(bench, locked)).length, 3);
});

engineTest(
  'a base whose layers are compressed in another way: the image is whole all the same',
  async (t, bench) => {
    const base = baseImage();
    const top = composeImage({ base, files: [file('app', 3000)] });
    const other = repacked(base, { pack: (tar) => gzipSync(tar, { level: 1, memLevel: 1 }) });
    await bring(bench, lockComposed(`${repository}:base`, other), other);
    const locked = lockComposed(`${repository}:app`, top);
    const { delivery } = await bring(bench, locked, top);
    t.is(delivery.bytesSent + delivery.bytesSkipped, totalSize(blobsOf(locked)));
    t.like(await bench.target.confirm(locked), { confirmed: true });
    t.is((await savedLayers(bench, locked)).length, 3);
  },
);

engineTest('of images that share layers each layer is sent once', async (t, bench) => {
  const base = baseImage();
  const composed = ['a', 'b', 'c', 'd'].map((name) => composeImage({ base, files: [file(name, 3000)] }));
  const images = composed.map((image, at) => lockComposed(`${repository}:${at}`, image));
  const presences = await bench.target.survey(images);
  const surveyed = images.map((image, at) => ({
    image,
    presence: presences[at] ?? { state: 'absent' as const },
  }));
  const errors: never[] = [];
  const { signal } = new AbortController();
  const options = { dryRun: false, keepGoing: false, jobs: 3, emit: silent, signal };
  const reports = await deliverImages(bench.target, surveyed, composedSource(composed), errors, options);
  t.deepEqual(errors, []);
  t.deepEqual(
    reports.map(({ status }) => status),
    ['loaded', 'loaded', 'loaded', 'loaded'],
  );
  const sent = reports.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  t.is(sent, totalSize(uniqueBlobs(images)));
});
