import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import type { Digest } from '../../src/core/digest.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { blobBytes, lockComposed, memorySource } from '../helpers/compose.ts';
import { signAgain } from '../helpers/signed-again.ts';
import { engineTest, savedLayers, type EngineBench } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';
import { refusedImport, withThreatBundle } from '../helpers/threat-bundle.ts';

const honest = composeImage({ files: [{ path: 'base', content: noise('honest', 3000) }] });
const evil = composeImage({ files: [{ path: 'base', content: noise('evil', 3000) }] });

/** Its first layer holds other content than its config promises: it names the layer of an honest image. */
const liar = composeImage({
  base: { ...evil, layers: evil.layers.map((layer) => ({ ...layer, diffId: diffIdOf(honest) })) },
  files: [{ path: 'top', content: noise('top', 1000) }],
});
const lyingImage = lockComposed('docker.io/demisto/liar:1.0', liar);
const honestImage = lockComposed('docker.io/demisto/honest:1.0', honest);

function diffIdOf({ layers }: ComposedImage): Digest {
  return layers[0]?.diffId ?? honest.config.descriptor.digest;
}

/** A good signature of the trusted key over the lying image: the builder went bad. */
interface LyingBundle {
  readonly folder: string;
  readonly dir: string;
  readonly trusted: string;
  readonly importTo: (bench: EngineBench, ...more: readonly string[]) => Promise<Ran>;
}

async function withLyingBundle(use: (bundle: LyingBundle) => Promise<void>): Promise<void> {
  await withBundleFixture(async ({ folder, allowedLine, content, write }) => {
    const [dir, trusted] = [path.join(folder, 'bundle'), path.join(folder, 'allowed_signers')];
    await writeFile(trusted, allowedLine);
    const volumes = [[{ image: lyingImage, usedBy: [] }]];
    await write(dir, { content: { ...content(), volumes }, source: memorySource(blobBytes([liar])) });
    const importTo: LyingBundle['importTo'] = ({ kind, engine }, ...more) => {
      const to = `${kind.product}:unix://${engine.socket}`;
      return runCli(['import', dir, '--trusted-keys', trusted, '--to', to, '--yes', ...more]);
    };
    await use({ folder, dir, trusted, importTo });
  });
}

async function heldBy({ engine }: EngineBench): Promise<string> {
  const told = await engine.run(['images', '--all', '--no-trunc', '--format', '{{.Repository}} {{.ID}}']);
  return typeof told === 'string' ? told : told.stdout;
}

test('threat 16: with --deep a layer of other content than the config promises is refused, and nothing is sent', async (t) => {
  await withLyingBundle(async ({ folder, dir, trusted }) => {
    const verified = await runCli(['verify', dir, '--trusted-keys', trusted, '--deep']);
    t.is(verified.status, 4, verified.stderr);
    t.true(verified.stderr.includes('E_IMAGE_MALFORMED'), verified.stderr);
    t.true(verified.stderr.includes(lyingImage.reference), verified.stderr);
    await refusedImport(t, { dir, folder, trusted }, lyingImage.reference, ['--deep']);
  });
});

test('threat 16: where the policy asks for it, every import looks into the layers', async (t) => {
  await withLyingBundle(async ({ folder, dir, trusted }) => {
    const policy = path.join(folder, 'policy.json');
    await writeFile(policy, '{"schema": "packferry.policy/v1", "requireDeep": true}');
    const verified = await runCli(['verify', dir, '--trusted-keys', trusted, '--policy', policy]);
    t.is(verified.status, 4, verified.stderr);
    await refusedImport(t, { dir, folder, trusted }, lyingImage.reference, ['--policy', policy]);
  });
});

for (const deep of [[], ['--deep']]) {
  test(`threat 16: a config under the name of another one is refused, and nothing is sent${deep.map((more) => `, ${more}`).join('')}`, async (t) => {
    await withThreatBundle(async ({ dir, document, at, signer, folder }) => {
      // The bytes of the second image's config, under the digest of the first one's: everything else is signed anew.
      const [one, two] = document.images;
      const archive = await readFile(at('images-001.tar'));
      const placeOf = (digest?: string) =>
        document.archives[0]?.blobs.find((blob) => blob.digest === digest) ?? { offset: NaN, size: NaN };
      const [to, from] = [placeOf(one?.config.digest), placeOf(two?.config.digest)];
      t.is(to.size, from.size);
      archive.copy(archive, to.offset, from.offset, from.offset + from.size);
      await signAgain(dir, signer, { 'images-001.tar': archive });
      const trusted = path.join(folder, 'allowed_signers');
      await refusedImport(t, { dir, folder, trusted }, one?.config.digest.slice(7, 19) ?? '', deep);
    });
  });
}

engineTest('threat 16: with --deep nothing reaches an engine, whatever it holds', async (t, bench) => {
  await withLyingBundle(async ({ importTo }) => {
    await bench.target.deliver(honestImage, composedSource([honest]));
    const before = await heldBy(bench);
    const ran = await importTo(bench, '--deep');
    t.is(ran.status, 4, ran.stderr);
    t.is(await heldBy(bench), before);
  });
});

engineTest(
  'threat 16: without --deep it is found out on the way or by the engine, which holds nothing of it',
  async (t, bench) => {
    await withLyingBundle(async ({ importTo }) => {
      const ran = await importTo(bench);
      // Podman 4 would take it, so layers for Podman are looked into on the way.
      const { product } = bench.kind;
      t.is(ran.status, product === 'podman' ? 4 : 6, ran.stderr);
      t.true(ran.stderr.includes(product === 'podman' ? 'E_IMAGE_MALFORMED' : 'E_LOAD_FAILED'), ran.stderr);
      t.true(ran.stderr.includes(lyingImage.reference), ran.stderr);
      t.is((await heldBy(bench)).trim(), '', 'neither an image nor a name is left');
    });
  },
);

engineTest(
  'threat 16: where the honest layer is held already, the lie does not pass: that layer is what the image is made of',
  async (t, bench) => {
    await withLyingBundle(async ({ importTo }) => {
      await bench.target.deliver(honestImage, composedSource([honest]));
      const before = await heldBy(bench);
      const ran = await importTo(bench, '--json');
      if (bench.kind.idOf === 'manifest') {
        // The containerd store wants the very blob, and would unpack the layer that it has in its place.
        t.is(ran.status, 4, ran.stderr);
        t.true(ran.stdout.includes('E_IMAGE_MALFORMED'), ran.stdout);
        t.is(await heldBy(bench), before, 'neither an image nor a name is left');
        return;
      }
      t.is(ran.status, 0, ran.stderr);
      const { targets } = JSON.parse(ran.stdout) as { targets: [{ images: [{ bytesSkipped: number }] }] };
      const [layer] = lyingImage.layers;
      t.is(targets[0].images[0].bytesSkipped, layer?.size ?? NaN, 'the layer that lies did not travel');
      // The engine gives it out with every digest checked: content that the config names, none of the lie.
      t.deepEqual(
        await savedLayers(bench, lyingImage),
        lyingImage.layers.map(({ diffId }) => diffId),
      );
    });
  },
);
