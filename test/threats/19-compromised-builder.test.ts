import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, sampleImagesFor } from '../../bin/demo/sample-images.ts';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSigners } from '../helpers/cli-signers.ts';
import { siteReferences, withSite, type Site } from '../helpers/cli-site.ts';
import { blobBytes, lockComposed, memorySource } from '../helpers/compose.ts';
import { refusedImport } from '../helpers/threat-bundle.ts';

/** What the vendor made, by the names that packs use. */
const genuine: readonly (readonly [string, Digest])[] = sampleImagesFor(siteReferences).map(
  ({ image }, at) => [siteReferences[at] ?? '', image.config.descriptor.digest],
);
const other: Digest = `sha256:${'a'.repeat(64)}`;
const [first = ''] = siteReferences;

/** Writes a list of image IDs as the vendor publishes it; returns its folder. */
async function writeWitness(
  folder: string,
  pages: readonly (readonly [reference: string, id: Digest])[],
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [reference, id] of pages) {
    const [repository = '', tag = ''] = reference.split(':');
    await mkdir(path.join(folder, repository), { recursive: true });
    const text = `# \`${reference}\`\n\n- Image ID: \`${id}\`\n`;
    await writeFile(path.join(folder, repository, `${tag}.md`), text);
  }
  return folder;
}

/** The vendor's list, but for one image of which it knows another digest: the one that the builder exchanged. */
const honestList = ({ at }: Site): Promise<string> =>
  writeWitness(at('honest'), [[first, other], ...genuine.slice(1)]);

async function refusedAt(
  t: ExecutionContext,
  { folder, bundle: dir, trusted }: Pick<Site, 'folder' | 'bundle' | 'trusted'>,
  code: string,
  more: readonly string[],
): Promise<void> {
  for (const command of [
    ['verify', dir],
    ['serve', dir, '--listen', '127.0.0.1:0'],
  ]) {
    const ran = await runCli([...command, '--trusted-keys', trusted, ...more]);
    t.is(ran.status, 4, ran.stderr);
    t.true(ran.stderr.includes(`[${code}]`), ran.stderr);
    t.is(ran.stdout, '', 'nothing is verified or served');
  }
  await refusedImport(t, { dir, folder, trusted }, code, more);
}

test('threat 19: a registry that serves something else than the vendor signed: no bundle is made of it', async (t) => {
  await withSite(async (site) => {
    const ran = await runCli([...site.exporting, '--witness', await honestList(site)]);
    t.is(ran.status, 4, ran.stderr);
    t.true(ran.stderr.includes('E_DIGEST_MISMATCH'), ran.stderr);
    t.true(ran.stderr.includes(`docker.io/${first}`), ran.stderr);
    await t.throwsAsync(access(site.bundle), { code: 'ENOENT' });
  });
});

test('threat 19: where the manifest asks for it, no image goes into a bundle that the list does not know', async (t) => {
  await withSite(async ({ manifestFor, host, bundle, key, at }) => {
    const manifest = await manifestFor('strict.yml', host, 'policy:\n  witness: error\n');
    const exporting = ['export', manifest, '-o', bundle, '--key', key];
    const some = await writeWitness(at('some'), genuine.slice(1));
    for (const more of [[], ['--witness', some]]) {
      const ran = await runCli([...exporting, ...more]);
      t.is(ran.status, 4, ran.stderr);
      t.true(ran.stderr.includes('E_POLICY'), ran.stderr);
      t.true(ran.stderr.includes(`docker.io/${first}`), ran.stderr);
      await t.throwsAsync(access(path.join(bundle, 'SHA256SUMS')), { code: 'ENOENT' });
    }
    const all = await writeWitness(at('all'), genuine);
    const ran = await runCli([...exporting, '--witness', all]);
    t.is(ran.status, 0, ran.stderr);
  });
});

test('threat 19: what a builder that was taken over says of its images is not believed: the list of the site counts', async (t) => {
  await withSite(async (site) => {
    // The builder brings a list of its own, so its bundle says that every image was found right.
    const forged = await writeWitness(site.at('forged'), genuine);
    t.is((await runCli([...site.exporting, '--witness', forged])).status, 0);
    const document = JSON.parse(
      await readFile(path.join(site.bundle, 'bundle.json'), 'utf8'),
    ) as BundleDocument;
    t.true(document.images.every(({ witness }) => witness === 'agrees'));

    await refusedAt(t, site, 'E_DIGEST_MISMATCH', ['--witness', await honestList(site)]);
  });
});

test('threat 19: an image that the list of the site does not know: refused where the policy asks for it, else told', async (t) => {
  await withSite(async (site) => {
    t.is((await runCli(site.exporting)).status, 0);
    const { at, bundle, trusted } = site;
    const some = await writeWitness(at('some'), genuine.slice(1));
    const policyOf = async (witness: string): Promise<string> => {
      const file = at(`${witness}.json`);
      await writeFile(file, JSON.stringify({ schema: 'packferry.policy/v1', witness }));
      return file;
    };
    const required = ['--policy', await policyOf('require')];
    await refusedAt(t, site, 'E_NOT_CHECKED', [...required, '--witness', some]);
    await refusedAt(t, site, 'E_NOT_CHECKED', required);

    const verifying = ['verify', bundle, '--trusted-keys', trusted];
    const told = await runCli([...verifying, '--witness', some]);
    t.is(told.status, 0, told.stderr);
    t.true(told.stderr.includes(`does not know 1 of 3 images: docker.io/${first}`), told.stderr);
    const silent = await runCli([...verifying, '--witness', some, '--policy', await policyOf('ignore')]);
    t.is(silent.status, 0, silent.stderr);
    t.false(silent.stderr.includes('does not know'), silent.stderr);

    const all = await writeWitness(at('all'), genuine);
    const agreed = await runCli([...verifying, ...required, '--witness', all, '--state', at('state')]);
    t.is(agreed.status, 0, agreed.stderr);
    t.true(agreed.stderr.includes('agrees on 3 images of 3'), agreed.stderr);
    const receipt = JSON.parse(await readFile(at('state', 'receipts', 'receipt-000001.json'), 'utf8')) as {
      images: { witness?: string }[];
    };
    t.deepEqual(
      receipt.images.map(({ witness }) => witness),
      ['agrees', 'agrees', 'agrees'],
    );
  });
});

test('threat 19: other layers under the config of the vendor, which the list knows, are refused', async (t) => {
  await withBundleFixture(async ({ folder, allowedLine, content, write }) => {
    const honest = composeImage({ files: [{ path: 'tool', content: noise('honest', 2000) }] });
    const evil = composeImage({ files: [{ path: 'tool', content: noise('evil', 2000) }] });
    const layers = evil.layers.map((layer, at) => ({
      ...layer,
      diffId: honest.layers[at]?.diffId ?? layer.diffId,
    }));
    const document = JSON.parse(evil.manifest.bytes.toString()) as object;
    const bytes = Buffer.from(JSON.stringify({ ...document, config: honest.config.descriptor }));
    const { mediaType } = evil.manifest.descriptor;
    const manifest = { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
    const mixed = { ...honest, layers, manifest };
    const [bundle, trusted] = [path.join(folder, 'bundle'), path.join(folder, 'allowed_signers')];
    await writeFile(trusted, allowedLine);
    await write(bundle, {
      content: {
        ...content(),
        volumes: [[{ image: lockComposed('docker.io/demisto/tool:1.0', mixed), usedBy: [] }]],
      },
      source: memorySource(blobBytes([mixed])),
    });
    const witness = await writeWitness(path.join(folder, 'list'), [
      ['demisto/tool:1.0', honest.config.descriptor.digest],
    ]);
    await refusedAt(t, { folder, bundle, trusted }, 'E_IMAGE_MALFORMED', ['--witness', witness]);
  });
});

test('threat 19: where two have to sign, the key of the builder alone brings nothing in', async (t) => {
  await withSigners(async (site) => {
    const { exportBy, alice, folder, bundle, both, policy } = site;
    t.is((await runCli(exportBy(alice))).status, 0);
    await refusedAt(t, { folder, bundle, trusted: both }, 'E_THRESHOLD', ['--policy', policy]);
  });
});

test('threat 19: the second signer finds out by a list of his own, and does not sign', async (t) => {
  await withSigners(async (site) => {
    const { exportBy, alice, bob, bundle, both, policy, folder } = site;
    t.is((await runCli(exportBy(alice))).status, 0);
    const witness = await honestList(site);
    const signing = ['sign', bundle, '--key', bob, '--trusted-keys', both, '--yes', '--witness', witness];
    const ran = await runCli(signing);
    t.is(ran.status, 4, ran.stderr);
    t.true(ran.stderr.includes('E_DIGEST_MISMATCH'), ran.stderr);
    await refusedAt(t, { folder, bundle, trusted: both }, 'E_THRESHOLD', ['--policy', policy]);
  });
});
