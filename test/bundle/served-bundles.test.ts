import { open, rename, utimes } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { VerifiedBundle } from '../../src/bundle/open.ts';
import { ServedBundles } from '../../src/bundle/served-bundles.ts';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Layer, LockedImage } from '../../src/core/image.ts';
import { defaultPolicy } from '../../src/trust/read-policy.ts';
import { fixtureTime, withBundleFixture } from '../helpers/bundle-fixture.ts';
import { get } from '../helpers/serve-process.ts';
import { serveBundle, withServedBundle } from '../helpers/served-bundle.ts';

const clock = (): Date => fixtureTime;
const python = '/v2/demisto/python3';
const archive = 'images-001.tar';

test('every blob of every image is the one that was signed', async (t) => {
  await withServedBundle(t, async ({ url, images, faults }) => {
    for (const { reference, config, layers, manifest } of images) {
      const [repository = '', tag = ''] = reference.replace('docker.io/', '').split(':');
      const { bytes } = await get(url, `/v2/${repository}/manifests/${tag}`);
      t.is(digestOf(bytes), manifest.digest);
      for (const { digest } of [config, ...layers])
        t.is(digestOf((await get(url, `/v2/${repository}/blobs/${digest}`)).bytes), digest);
    }
    t.deepEqual(faults, []);
  });
});

test('a repository has the blobs of its own images only', async (t) => {
  await withServedBundle(t, async ({ url, images }) => {
    const [image, other] = images;
    const own = image?.layers.find(({ digest }) => !other?.layers.some((layer) => layer.digest === digest));
    t.is((await get(url, `${python}/blobs/${own?.digest ?? ''}`)).status, 200);
    t.is((await get(url, `/v2/demisto/crypto/blobs/${own?.digest ?? ''}`)).status, 404);
  });
});

test('names: below a prefix, as a mirror asks, with docker.io before them; nothing else', async (t) => {
  await withBundleFixture(async ({ folder, write, open: openOne }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir);
    const content = new ServedBundles([await openOne(dir)], { clock, prefix: 'soc/images' });
    t.true((await content.repositories()).includes('soc/images/demisto/python3'));
    t.true(content.names.includes('soc/images/demisto/python3:3.12.13.1'));
    t.is(content.repositoryNamed('soc/images/docker.io/demisto/python3'), 'soc/images/demisto/python3');
    t.is(content.repositoryNamed('soc/images/demisto/python3', 'docker.io'), 'soc/images/demisto/python3');
    for (const name of ['demisto/python3', 'soc/images', 'soc/imagesdemisto/python3']) {
      t.is(await content.tags(content.repositoryNamed(name)), undefined, name);
      t.is(await content.tags(name), undefined, name);
    }
  });
});

/** The largest layer: more than what is read at a time. */
function largest({ layers }: LockedImage): Layer {
  const [layer] = [...layers].sort((a, b) => b.size - a.size);
  if (layer === undefined) throw new Error('no layer');
  return layer;
}

/** Changes one byte in the middle of the largest layer. With a `time`, the file has it afterwards. */
async function tamper(bundle: VerifiedBundle, image: LockedImage, time?: Date): Promise<void> {
  const blob = largest(image);
  const { blobs = [] } = bundle.document.archives.find(({ file }) => file === archive) ?? {};
  const { offset, size } = blobs.find(({ digest }) => digest === blob.digest) ?? { offset: 0, size: 0 };
  const file = path.join(bundle.dir, archive);
  const handle = await open(file, 'r+');
  await handle.write(Buffer.from('!'), 0, 1, offset + Math.floor(size / 2));
  await handle.close();
  if (time !== undefined) await utimes(file, time, time);
}

test('an archive that was changed after it was verified is not read: not a part of it, no manifest', async (t) => {
  await withServedBundle(t, async ({ url, images: [image], bundle, faults }) => {
    if (image === undefined) throw new Error('no image');
    const layer = `${python}/blobs/${largest(image).digest}`;
    t.is((await get(url, layer, { range: 'bytes=10-' })).status, 206);
    await tamper(bundle, image);
    for (const target of [layer, `${python}/manifests/3.12.13.1`]) {
      const { status, bytes } = await get(url, target, { range: 'bytes=10-' });
      t.is(status, 500);
      t.false(bytes.toString().includes(bundle.dir), 'the client learns no paths');
    }
    t.deepEqual(
      faults.map((fault) => fault instanceof PackferryError && fault.code),
      ['E_BUNDLE_MALFORMED', 'E_BUNDLE_MALFORMED'],
    );
  });
});

test('a change that nothing shows but the bytes breaks the answer off before its end', async (t) => {
  await withBundleFixture(async ({ folder, images: [image], write, open: openOne }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir);
    await utimes(path.join(dir, archive), fixtureTime, fixtureTime);
    const bundle = await openOne(dir);
    const { url, faults, requests } = await serveBundle(t, [bundle]);
    if (image === undefined) throw new Error('no image');
    await tamper(bundle, image, fixtureTime);
    const layer = largest(image);
    const { status, bytes, isWhole } = await get(url, `${python}/blobs/${layer.digest}`);
    t.is(status, 200);
    t.false(isWhole);
    t.true(bytes.length > 0 && bytes.length < layer.size);
    t.like(requests.at(-1), { complete: false, status: 200 });
    t.like(faults.at(0), { code: 'E_DIGEST_MISMATCH' });
    const { digest } = image.config;
    t.is(digestOf((await get(url, `${python}/blobs/${digest}`)).bytes), digest, 'others are served');
  });
});

test('media that are gone answer with 500, and are served again when they are back', async (t) => {
  await withServedBundle(t, async ({ url, bundle, faults }) => {
    const away = `${bundle.dir}-away`;
    await rename(bundle.dir, away);
    t.is((await get(url, `${python}/manifests/3.12.13.1`)).status, 500);
    t.like(faults.at(0), { code: 'E_BUNDLE_INCOMPLETE' });
    t.is((await get(url, `${python}/tags/list`)).status, 200);
    await rename(away, bundle.dir);
    t.is((await get(url, `${python}/manifests/3.12.13.1`)).status, 200);
  });
});

test('a bundle that expires while it is served gives no more manifests', async (t) => {
  await withBundleFixture(async ({ folder, content, write, open: openOne }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir, { content: { ...content(), expiresAfter: 60 } });
    let now = fixtureTime;
    const { url, faults } = await serveBundle(t, [await openOne(dir)], { clock: () => now });
    t.is((await get(url, `${python}/manifests/3.12.13.1`)).status, 200);
    now = new Date(fixtureTime.getTime() + 61_000);
    t.is((await get(url, `${python}/manifests/3.12.13.1`)).status, 500);
    t.like(faults.at(0), { code: 'E_BUNDLE_EXPIRED' });
  });
});

test('a bundle that becomes too old for the policy of the site gives no more manifests', async (t) => {
  await withServedBundle(t, async ({ bundle }) => {
    const rules = { ...defaultPolicy, maxAge: 60 };
    const later = new Date(fixtureTime.getTime() + 61_000);
    const { url, faults } = await serveBundle(t, [bundle], { clock: () => later, rules });
    t.is((await get(url, `${python}/manifests/3.12.13.1`)).status, 500);
    t.like(faults.at(0), { code: 'E_BUNDLE_STALE' });
  });
});
