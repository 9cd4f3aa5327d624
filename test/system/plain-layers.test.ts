import path from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { ComposedImage } from '../../bin/demo/compose-image.ts';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { totalSize, type LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { ImageSource, ImageTarget } from '../../src/core/ports.ts';
import { findDocker, findPodman } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { repacked, storedZstd } from '../helpers/repacked.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest, savedLayers, type EngineBench } from '../helpers/system-engines.ts';
import { assertHolds, endpointOf, importBundleInto } from '../helpers/system-import.ts';
import { composedSource } from '../helpers/system-images.ts';

// Docker 24 and later decompress layers while they unpack them, Podman twice. So where one is on this machine, layers are sent to it decompressed, but never
// to Docker's containerd store, which keeps them as they come.

const podmans = engineKinds.filter(({ product }) => product === 'podman');
const classics = engineKinds.filter(({ name }) => name === 'newer Docker, classic store');
const all = [...classics, ...podmans];
const repository = 'docker.io/demisto/sample';
/** From 32 MiB on it is worth it. */
const plainBytes = 33 * 1024 * 1024;

const base = composeImage({ files: [{ path: 'os', content: noise('os', 20_000) }] });

/** On the base, a layer that shrinks to a few KB. */
function onBase(
  name: string,
  pack = (tar: Buffer): Buffer => gzipSync(tar),
  below = base,
  bytes = plainBytes,
): ComposedImage {
  const content = Buffer.concat([Buffer.from(name), Buffer.alloc(bytes)]);
  const image = composeImage({ base: below, files: [{ path: name, content }] });
  return repacked(image, { pack, kept: below.layers.length });
}

/** A source as bundles are: any part of a blob is there at once. */
function nearSource(images: readonly ComposedImage[]): ImageSource {
  const open = composedSource(images, (_, bytes, options) =>
    Readable.from([bytes.subarray(options?.from ?? 0, options?.to ?? bytes.length)]),
  );
  return { ...open, isNear: true };
}

/** Calls `use` with a target behind a socket that counts what goes to the engine. */
async function counting(
  { engine, kind }: EngineBench,
  use: (target: ImageTarget, sent: () => number) => Promise<void>,
): Promise<void> {
  const counted = path.join(engine.folder, 'counted.sock');
  await withCountingSocket(counted, engine.socket, async ({ sent }) => {
    const endpoint = endpointOf(kind, counted);
    const find = kind.product === 'podman' ? findPodman : findDocker;
    const target = await openDockerTarget(await find(endpoint, {}));
    try {
      await use(target, sent);
    } finally {
      await target.close();
    }
  });
}

const diffIds = ({ layers }: LockedImage): string[] => layers.map(({ diffId }) => diffId);

engineTest(
  'plain layers: what is missing of an image goes to the engine decompressed, once, and lends itself to the next image; little goes as it is',
  async (t, bench) => {
    const middle = onBase('middle');
    const tops = ['a', 'b', 'c'].map((name) => onBase(name, undefined, middle));
    const source = nearSource([base, middle, ...tops]);
    const lockedBase = lockComposed(`${repository}:base`, base);
    const lockedMiddle = lockComposed(`${repository}:middle`, middle);
    await counting(bench, async (target, sent) => {
      await target.deliver(lockedBase, source);
      t.true((await target.confirm(lockedBase)).confirmed);
      sent();
      const delivery = await target.deliver(lockedMiddle, source);
      t.true(sent() > plainBytes, 'decompressed');
      const shared = totalSize(lockedBase.layers);
      t.is(delivery.bytesSkipped, shared);
      t.true(delivery.bytesSent < plainBytes, 'bytes of blobs are counted as the source keeps them');
      t.is(delivery.sentPacked, undefined);
      t.is(delivery.sentInFull, undefined);
      t.deepEqual(await savedLayers(bench, lockedMiddle), diffIds(lockedMiddle));

      const little = onBase('little', undefined, base, 1024 * 1024);
      sent();
      await target.deliver(lockComposed(`${repository}:little`, little), nearSource([base, little]));
      t.true(sent() < 1024 * 1024, 'not worth it');

      // Several at a time, on a layer that came decompressed.
      const locked = tops.map((image, at) => lockComposed(`${repository}:${at}`, image));
      sent();
      const deliveries = await Promise.all(locked.map((image) => target.deliver(image, source)));
      const bytes = sent();
      t.true(bytes > 3 * plainBytes && bytes < 4 * plainBytes, String(bytes));
      t.deepEqual(
        deliveries.map(({ sentInFull, bytesSkipped }) => [sentInFull, bytesSkipped]),
        locked.map(() => [undefined, totalSize(lockedMiddle.layers)]),
      );
      for (const image of locked) t.deepEqual(await savedLayers(bench, image), diffIds(image));
    });
  },
  all,
);

engineTest(
  'plain layers: gzip of two members tells a wrong size: the image is sent again with its layers as they are',
  async (t, bench) => {
    const members = onBase('members', (tar) =>
      Buffer.concat([gzipSync(tar.subarray(0, 512)), gzipSync(tar.subarray(512))]),
    );
    const locked = lockComposed(`${repository}:members`, members);
    const source = nearSource([base, members]);
    await bench.target.deliver(lockComposed(`${repository}:base`, base), source);
    await bench.target.survey([locked]);
    const delivery = await bench.target.deliver(locked, source);
    t.regex(delivery.sentPacked ?? '', /more content than it says/);
    t.is(delivery.sentInFull, undefined);
    t.deepEqual(await savedLayers(bench, locked), diffIds(locked));
  },
  all,
);

engineTest(
  'plain layers: one in zstd stays as it is, and so do those of a source that is far away',
  async (t, bench) => {
    const inZstd = repacked(
      composeImage({ base, files: [{ path: 'zstd', content: noise('zstd', 200_000) }] }),
      {
        pack: storedZstd,
        mediaType: mediaTypes.ociLayerZstd,
        kept: 1,
      },
    );
    const far = onBase('far');
    const [lockedZstd, lockedFar] = [
      lockComposed(`${repository}:zstd`, inZstd),
      lockComposed(`${repository}:far`, far),
    ];
    await counting(bench, async (target, sent) => {
      const source = nearSource([base, inZstd]);
      const lockedBase = lockComposed(`${repository}:base`, base);
      await target.deliver(lockedBase, source);
      t.true((await target.confirm(lockedBase)).confirmed);
      const delivery = await target.deliver(lockedZstd, source);
      t.is(delivery.sentPacked, undefined);
      t.deepEqual(await savedLayers(bench, lockedZstd), diffIds(lockedZstd));
      sent();
      await target.deliver(lockedFar, composedSource([base, far]));
      t.true(sent() < plainBytes / 10);
      t.deepEqual(await savedLayers(bench, lockedFar), diffIds(lockedFar));
    });
  },
  podmans,
);

engineTest(
  'plain layers: other content than the config promises is refused, and an interrupt leaves nothing',
  async (t, bench) => {
    const { target, engine } = bench;
    const other = onBase('other');
    const [, layer] = other.layers;
    const honest = onBase('honest');
    const lied = honest.layers.map((own, at) =>
      at === 0 || layer === undefined ? own : { ...layer, diffId: own.diffId },
    );
    const liar: ComposedImage = { ...honest, layers: lied };
    const source = nearSource([base, liar]);
    const lockedBase = lockComposed(`${repository}:base`, base);
    await target.deliver(lockedBase, source);
    t.true((await target.confirm(lockedBase)).confirmed);
    const images = async (): Promise<string> => {
      const told = await engine.run(['images', '--all', '--format', '{{.Repository}}:{{.Tag}}']);
      return (typeof told === 'string' ? told : told.stdout).trim();
    };
    const before = await images();
    const locked = lockComposed(`${repository}:liar`, liar);
    await t.throwsAsync(target.deliver(locked, source), { code: 'E_IMAGE_MALFORMED' });
    t.is(await images(), before);

    const stop = new AbortController();
    const reason = new PackferryError('E_INTERRUPTED', 'interrupted');
    const lockedHonest = lockComposed(`${repository}:honest`, honest);
    const onBytes = (bytes: number): void => {
      if (bytes > 1000) stop.abort(reason);
    };
    const interrupted = target.deliver(lockedHonest, nearSource([base, honest]), {
      signal: stop.signal,
      onBytes,
    });
    t.is(await t.throwsAsync(interrupted), reason);
    t.is(await images(), before);
    await target.deliver(lockedHonest, nearSource([base, honest]));
    t.deepEqual(await savedLayers(bench, lockedHonest), diffIds(lockedHonest));
  },
  podmans,
);

engineTest(
  'plain layers: an import of a bundle, several at a time, under other names too',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const names = ['a', 'b', 'c'];
      const bundle = await site.make(
        'bundle',
        Object.fromEntries([
          [`${repository}:base`, base],
          ...names.map((name) => [`${repository}:${name}`, onBase(name)] as const),
        ]),
      );
      const counted = path.join(bench.engine.folder, 'counted.sock');
      await withCountingSocket(counted, bench.engine.socket, async ({ sent }) => {
        const more = ['--jobs', '3', '--retag', 'docker.io/demisto/*=docker.io/soc/*'];
        const { sent: told } = await importBundleInto(t, site, bundle, endpointOf(bench.kind, counted), {
          more,
        });
        const bytes = sent();
        t.true(bytes > 3 * plainBytes, String(bytes));
        t.true(told < plainBytes, String(told));
      });
      const renamed = bundle.images.map((image) => ({
        ...image,
        reference: image.reference.replace('/demisto/', '/soc/'),
      }));
      await assertHolds(t, bench, renamed);
    });
  },
  podmans,
);

engineTest(
  'plain layers: an image of which the engine has nothing comes decompressed, and other content than promised is refused',
  async (t, bench) => {
    const whole = onBase('whole');
    const honest = onBase('honest');
    const other = onBase('other');
    const lied = honest.layers.map((own, at) => ({ ...(other.layers[at] ?? own), diffId: own.diffId }));
    const liar: ComposedImage = { ...honest, layers: lied };
    await counting(bench, async (target, sent) => {
      const locked = lockComposed(`${repository}:whole`, whole);
      const delivery = await target.deliver(locked, nearSource([whole]));
      t.true(sent() > plainBytes, 'decompressed');
      t.true(delivery.bytesSent < plainBytes, 'counted as the source keeps them');
      t.true((await target.confirm(locked)).confirmed);
      t.deepEqual(await savedLayers(bench, locked), diffIds(locked));
      const lockedLiar = lockComposed(`${repository}:liar`, liar);
      await t.throwsAsync(target.deliver(lockedLiar, nearSource([liar])), {
        code: bench.kind.product === 'podman' ? 'E_IMAGE_MALFORMED' : 'E_LOAD_FAILED',
      });
      t.false((await target.confirm(lockedLiar)).confirmed);
    });
  },
  all,
);
