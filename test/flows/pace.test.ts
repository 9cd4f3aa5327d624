import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { relayArchive } from '../../src/archive/relay/relay-archive.ts';
import { collect } from '../../src/core/collect.ts';
import type { Digest } from '../../src/core/digest.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { limitedSources, type Pace } from '../../src/flows/pace.ts';
import { importReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { lockComposed, lockUnpacked } from '../helpers/compose.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { composedSource } from '../helpers/system-images.ts';
import { podman } from '../helpers/saves.ts';
import { tarOf } from '../helpers/tar-file.ts';
import { Watch } from '../helpers/watch.ts';

const mb = 1_000_000;
const image = composeImage({ files: [{ path: 'app', content: noise('app', 2 * mb) }] });
const locked = lockComposed('docker.io/demisto/app:1.0', image);
const [layer] = locked.layers;
if (layer === undefined) throw new Error('no layer');
const { size } = layer;
const unpackedImage = lockUnpacked(locked.reference, image);
const save = tarOf(podman([{ name: locked.reference, image }]));

type Read = (source: ImageSource) => Promise<Readable>;

/** Reads once for every target, all at the same time. Returns when each had everything, in milliseconds. */
async function endsOf(pace: Pace, reads: readonly Read[]): Promise<readonly number[]> {
  const clock = new Watch();
  const sourceOf = limitedSources(pace, clock);
  const unpacked: ImageSource['unpacked'] = {
    resolve: () => Promise.resolve(locked),
    openSave: () => Readable.from([save]) as AsyncIterable<Buffer>,
  };
  const end = async (read: Read): Promise<number> => {
    await collect(await read(sourceOf({ ...composedSource([image]), unpacked })), 2 * size, 'image');
    return clock.time;
  };
  return Promise.all(reads.map(end));
}

/** The save of an engine as it goes to another one that has these layers. */
const relayed = (source: ImageSource, ...held: readonly Digest[]): Promise<Readable> =>
  Promise.resolve(
    relayArchive(unpackedImage, {
      openSave: () =>
        source.unpacked?.openSave(unpackedImage) ?? (Readable.from([]) as AsyncIterable<Buffer>),
      ...{ name: 'the save', without: new Set(held), heldAs: 'nothing', pace: source.unpacked?.pace },
    }),
  );

const ways: Readonly<Record<string, Read>> = {
  blob: (source) => source.openBlob(locked, layer),
  save: (source) => relayed(source),
};

for (const [way, read] of Object.entries(ways)) {
  test(`a limit for each target: three targets take as long as one, by ${way}`, async (t) => {
    const pace = { limitRatePerTarget: mb };
    const [alone = 0] = await endsOf(pace, [read]);
    const ends = await endsOf(pace, [read, read, read]);
    // 2 MB at 1 MB/s: what may be made up for at once, and the last piece, take none of it.
    t.true(alone >= 1800 && alone <= 2020, `${alone} ms`);
    for (const end of ends) t.true(end >= 1800 && end <= 2020, ends.join());
  });

  test(`a limit for all targets together: two take twice as long as one, by ${way}`, async (t) => {
    const ends = await endsOf({ limitRate: mb }, [read, read]);
    const last = Math.max(...ends);
    t.true(last >= 3800 && last <= 4030, ends.join());
  });

  test(`both limits: the narrower one counts, by ${way}`, async (t) => {
    const narrow = await endsOf({ limitRate: 100 * mb, limitRatePerTarget: mb }, [read, read]);
    for (const end of narrow) t.true(end >= 1800 && end <= 2200, narrow.join());
    const wide = await endsOf({ limitRate: mb, limitRatePerTarget: 100 * mb }, [read, read]);
    t.true(Math.max(...wide) >= 3800, wide.join());
  });
}

test('of a save only what is sent counts: a target that has the layers costs the others nothing', async (t) => {
  const held: Read = (source) => relayed(source, ...unpackedImage.layers.map(({ diffId }) => diffId));
  const ends = await endsOf({ limitRate: mb }, [ways['save'] ?? held, held, held]);
  t.true(Math.max(...ends) <= 2050, ends.join());
});

test('without a limit nothing is put in between', (t) => {
  const source = composedSource([image]);
  t.is(limitedSources({})(source), source);
});

for (const { option, atLeast } of [
  // Two targets take 4 MB of the one, and 2 MB each of the other.
  { option: '--limit-rate', atLeast: 4 },
  { option: '--limit-rate-per-target', atLeast: 2 },
]) {
  test(`import ${option}: two targets get all, and no faster`, async (t) => {
    await withImportSite(async (site) => {
      const { dir } = await site.make('bundle', { 'docker.io/demisto/app:1.0': image });
      const to = ['one', 'two'].flatMap((name) => ['--to', `oci:${path.join(site.folder, name)}`]);
      const began = performance.now();
      const argv = ['import', dir, '--trusted-keys', site.trusted, ...to, option, '2MB', '--json'];
      const ran = await runCli(argv);
      t.is(ran.status, 0, ran.stderr);
      const { targets } = importReport.parse(JSON.parse(ran.stdout));
      t.deepEqual(
        targets.map(({ images }) => images.map(({ status, bytesSent }) => [status, bytesSent > size])),
        [[['loaded', true]], [['loaded', true]]],
      );
      // A busy machine may take longer. A tenth of a second is granted at once, and as much waits for nobody at the end.
      const least = (atLeast / 2) * 1000 - 200;
      const took = performance.now() - began;
      t.true(took >= least, `${took} ms, at least ${least}`);
    });
  });
}
