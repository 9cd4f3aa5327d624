import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { damageSchema, type DamageDocument } from '../../src/schema/damage.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import { exportReport, failureReport } from '../../src/schema/reports.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { withSite, type Site } from '../helpers/cli-site.ts';
import { flipBit } from '../helpers/damaged-bundle.ts';

interface Setting extends Site {
  readonly document: BundleDocument;
  /** The digest of the last layer of an image, which no other image has. */
  readonly ownLayerOf: (image: string) => string;
  /** Damages a blob wherever it lies. */
  readonly harm: (digest: string) => Promise<void>;
  /** Verifies the bundle, and reads the damage file that this writes. */
  readonly damageOf: (name: string) => Promise<{ readonly file: string; readonly damage: DamageDocument }>;
  /** Exports once more, into another folder. */
  readonly run: (name: string, ...more: readonly string[]) => Promise<Ran>;
}

function ok(t: ExecutionContext, ran: Ran): Ran {
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  return ran;
}

async function withSetting(
  t: ExecutionContext,
  more: readonly string[],
  use: (setting: Setting) => Promise<void>,
): Promise<void> {
  await withSite(async (site) => {
    const { at, bundle, exporting, key, manifest, trusted } = site;
    ok(t, await runCli([...exporting, '--sequence', '1', ...more]));
    const document = JSON.parse(await readFile(path.join(bundle, 'bundle.json'), 'utf8')) as BundleDocument;
    await use({
      ...site,
      document,
      ownLayerOf: (image) =>
        document.images.find(({ reference }) => reference.includes(image))?.layers.at(-1)?.digest ?? '',
      harm: async (digest) => {
        for (const { file, blobs } of document.archives) {
          const place = blobs.find((blob) => blob.digest === digest);
          if (place !== undefined) await flipBit(path.join(bundle, file), place.offset);
        }
      },
      damageOf: async (name) => {
        const argv = ['verify', bundle, '--trusted-keys', trusted, '--damage', at(name), '--json'];
        const ran = await runCli(argv);
        t.is(ran.status, 4);
        const damage = damageSchema.parse(JSON.parse(await readFile(at(name), 'utf8')));
        const { damage: reported } = failureReport.parse(JSON.parse(ran.stdout));
        t.deepEqual(reported?.intactLayers, damage.intactLayers);
        return { file: at(name), damage };
      },
      run: (name, ...options) =>
        runCli(['export', manifest, '-o', at(name), '--key', key, '--progress', 'none', ...options]),
    });
  });
}

function layersOf({ images }: BundleDocument): readonly string[] {
  return [...new Set(images.flatMap(({ layers }) => layers.map(({ digest }) => digest)))].sort();
}

test('a repair carries the lost layer and the documents of all images, and nothing else', async (t) => {
  await withSetting(t, [], async ({ document, ownLayerOf, harm, damageOf, run, at, trusted }) => {
    const lost = ownLayerOf('crypto');
    await harm(lost);
    const { file, damage } = await damageOf('lost.json');
    t.deepEqual(
      damage.intactLayers,
      layersOf(document).filter((digest) => digest !== lost) as DamageDocument['intactLayers'],
    );
    const ran = ok(t, await run('repair', '--repair', file));
    t.regex(ran.stderr, /Left out: 5 layers, [0-9.]+ MiB, that the other side has: damaged bundle soc 1\./);
    t.regex(ran.stderr, /packferry import .*repair --trusted-keys ALLOWED_SIGNERS --with THE_DAMAGED_BUNDLE/);
    const made = JSON.parse(await readFile(path.join(at('repair'), 'bundle.json'), 'utf8')) as BundleDocument;
    t.deepEqual(made.images, document.images);
    t.deepEqual(made.base, ['damaged bundle soc 1']);
    t.deepEqual(
      made.requires.map(({ digest }) => digest as string),
      damage.intactLayers,
    );
    const carried = made.archives.flatMap(({ blobs }) => blobs.map(({ digest }) => digest as string));
    t.deepEqual(
      carried.filter((digest) => layersOf(document).includes(digest)),
      [lost],
    );
    ok(t, await runCli(['verify', at('repair'), '--trusted-keys', trusted, '--deep']));
  });
});

test('a layer that is intact in another archive need not be sent again', async (t) => {
  await withSetting(t, ['--per-image'], async ({ document, damageOf, run, bundle }) => {
    const [archive] = document.archives;
    if (archive === undefined) return t.fail();
    await rm(path.join(bundle, archive.file));
    const { file, damage } = await damageOf('lost.json');
    const own = document.images.find((image) => image.archive === archive.file)?.layers.at(-1)?.digest ?? '';
    t.is(damage.intactLayers?.length, 5);
    t.false(damage.intactLayers?.some((digest) => digest === own));
    const made = exportReport.parse(
      JSON.parse(ok(t, await run('repair', '--repair', file, '--json')).stdout),
    );
    t.is(made.leftOut?.layers, 5);
  });
});

test('of a bundle that left layers out itself only what it carried is intact; --base stands for the rest', async (t) => {
  await withSite(async (outer) => {
    const { at, host, key, manifestFor, manifest, trusted } = outer;
    const small = await manifestFor('small.yml', host, 'exclude: [demisto/crypto, demisto/powershell]\n');
    ok(t, await runCli(['export', small, '-o', at('first'), '--key', key, '--sequence', '1']));
    const delta = [
      'export',
      manifest,
      '-o',
      at('delta'),
      '--key',
      key,
      '--sequence',
      '2',
      '--base',
      at('first'),
    ];
    ok(t, await runCli(delta));
    const { archives, images } = JSON.parse(
      await readFile(path.join(at('delta'), 'bundle.json'), 'utf8'),
    ) as BundleDocument;
    const lost = images[0]?.layers.at(-1)?.digest;
    const offset = archives[0]?.blobs.find(({ digest }) => digest === lost)?.offset ?? 0;
    await flipBit(path.join(at('delta'), 'images-001.tar'), offset);
    const verify = ['verify', at('delta'), '--trusted-keys', trusted, '--damage', at('lost.json')];
    t.is((await runCli(verify)).status, 4);
    const repair = async (name: string, ...more: readonly string[]): Promise<readonly [string, number][]> => {
      const argv = ['export', manifest, '-o', at(name), '--key', key, '--repair', at('lost.json'), '--json'];
      const { leftOut } = exportReport.parse(JSON.parse(ok(t, await runCli([...argv, ...more])).stdout));
      return (leftOut?.bases ?? []).map(({ name: base, layers }) => [base, layers]);
    };
    t.deepEqual(await repair('alone'), [['damaged bundle soc 2', 2]]);
    t.deepEqual([...(await repair('both', '--base', at('first')))].sort(), [
      ['bundle soc 1', 3],
      ['damaged bundle soc 2', 2],
    ]);
  });
});

test('when bundle.json is lost, the damage file is no ground for a repair', async (t) => {
  await withSetting(t, [], async ({ bundle, damageOf, run }) => {
    await flipBit(path.join(bundle, 'bundle.json'), 10);
    const { file, damage } = await damageOf('lost.json');
    t.false('intactLayers' in damage);
    const ran = await run('repair', '--repair', file);
    t.is(ran.status, 2);
    t.regex(ran.stderr, /E_BASE_INVALID.*bundle\.json was lost/);
  });
});
