import { open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { openBundleFolder, type BundleFolderOptions } from '../../src/bundle/folder-source.ts';
import { collect } from '../../src/core/collect.ts';
import { digestOf } from '../../src/core/digest.ts';
import { silent } from '../../src/core/events.ts';
import { defaultPlatform, parsePlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import type { AllowedSigners } from '../../src/trust/allowed-signers.ts';
import { fixtureTime, makeTrust, withBundleFixture, withFolder } from '../helpers/bundle-fixture.ts';
import { errorOf } from '../helpers/pack-folder.ts';

function trusting(allowed: AllowedSigners, now = fixtureTime): BundleFolderOptions {
  return { trustedKeys: () => Promise.resolve(allowed), now, emit: silent };
}

/** For bundles whose word is not to be asked for. */
const nobody: BundleFolderOptions = {
  trustedKeys: () => Promise.reject(new Error('nobody is to be believed here')),
  now: fixtureTime,
  emit: silent,
};

test('a name is believed when a trusted key has signed it, and the image is what was exported', async (t) => {
  await withBundleFixture(async ({ folder, images, write, allowed }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir);
    const source = await openBundleFolder(dir, trusting(allowed));
    for (const image of images) {
      const found = await source.resolve(parseReference(image.reference), defaultPlatform);
      t.deepEqual(found, { ...image, source: `bundle:${dir}` });
      for (const blob of [found.manifest, found.config, ...found.layers]) {
        const bytes = await collect(await source.openBlob(found, blob), 10_000_000, 'blob');
        t.is(digestOf(bytes), blob.digest);
      }
    }
  });
});

test('a name is not believed of a bundle that another key has signed', async (t) => {
  await withBundleFixture(async ({ folder, images: [image], write }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir);
    const { allowed } = await makeTrust('somebody-else');
    const source = await openBundleFolder(dir, trusting(allowed));
    const error = await errorOf(t, 'E_SIGNER_UNTRUSTED', () =>
      source.resolve(parseReference(image?.reference ?? ''), defaultPlatform),
    );
    t.true(error.message.startsWith(`bundle:${dir} is not believed`), error.message);
  });
});

test('an image that is asked for by its digest needs nobody to be believed', async (t) => {
  await withBundleFixture(async ({ folder, images: [image], write }) => {
    if (image === undefined) throw new Error('no image');
    const dir = path.join(folder, 'bundle');
    await write(dir);
    const source = await openBundleFolder(dir, nobody);
    const pinned = parseReference(`${image.reference}@${image.manifest.digest}`);
    t.deepEqual(await source.resolve(pinned, defaultPlatform), { ...image, source: `bundle:${dir}` });
    await rm(path.join(dir, 'SHA256SUMS.sig'));
    t.is((await source.resolve(pinned, defaultPlatform)).manifest.digest, image.manifest.digest);
  });
});

test('what an unsigned bundle says of the layers of a digest does not count, only what the image says', async (t) => {
  await withBundleFixture(async ({ folder, images, write, allowed }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir);
    const file = path.join(dir, 'bundle.json');
    const document = JSON.parse(await readFile(file, 'utf8')) as BundleDocument;
    const [first] = document.images;
    if (first === undefined) throw new Error('no image');
    for (const layer of first.layers) layer.diffId = first.config.digest;
    await writeFile(file, JSON.stringify(document));
    const pinned = { ...parseReference(first.reference), digest: first.manifest.digest };
    const found = await (await openBundleFolder(dir, nobody)).resolve(pinned, defaultPlatform);
    t.deepEqual(found.layers, images.find(({ reference }) => reference === first.reference)?.layers);
    const named = await openBundleFolder(dir, trusting(allowed));
    await errorOf(t, 'E_DIGEST_MISMATCH', () =>
      named.resolve(parseReference(first.reference), defaultPlatform),
    );
  });
});

test('a manifest that was changed in the archive is found out', async (t) => {
  await withBundleFixture(async ({ folder, images: [image], write, allowed }) => {
    if (image === undefined) throw new Error('no image');
    const dir = path.join(folder, 'bundle');
    const { document } = await write(dir);
    const places = document.archives.flatMap(({ file, blobs }) => blobs.map((blob) => ({ file, ...blob })));
    const place = places.find(({ digest }) => digest === image.manifest.digest);
    if (place === undefined) throw new Error('no place');
    const archive = await open(path.join(dir, place.file), 'r+');
    await archive.write('X', place.offset + 5);
    await archive.close();
    const source = await openBundleFolder(dir, trusting(allowed));
    await errorOf(t, 'E_DIGEST_MISMATCH', () =>
      source.resolve(parseReference(image.reference), defaultPlatform),
    );
  });
});

test('the names of an expired bundle are not believed', async (t) => {
  await withBundleFixture(async ({ folder, images: [image], write, allowed, content }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir, { content: { ...content(), expiresAfter: 60 } });
    const late = new Date(fixtureTime.getTime() + 3_600_000);
    const source = await openBundleFolder(dir, trusting(allowed, late));
    await errorOf(t, 'E_BUNDLE_EXPIRED', () =>
      source.resolve(parseReference(image?.reference ?? ''), defaultPlatform),
    );
  });
});

test('an image that the bundle does not have, or not for the platform, or not with this digest', async (t) => {
  await withBundleFixture(async ({ folder, images: [image, other], write, allowed }) => {
    if (image === undefined || other === undefined) throw new Error('no images');
    const dir = path.join(folder, 'bundle');
    await write(dir);
    const source = await openBundleFolder(dir, trusting(allowed));
    const resolve =
      (text: string, platform = defaultPlatform): (() => Promise<unknown>) =>
      () =>
        source.resolve(parseReference(text), platform);
    const error = await errorOf(t, 'E_IMAGE_NOT_FOUND', resolve('demisto/absent:1'));
    t.true(error.hint?.includes(image.reference), error.hint);
    await errorOf(t, 'E_PLATFORM_NOT_FOUND', resolve(image.reference, parsePlatform('linux/arm64')));
    await errorOf(t, 'E_IMAGE_NOT_FOUND', resolve(`${image.reference}@sha256:${'0'.repeat(64)}`));
  });
});

test('a folder that is no bundle is told at once', async (t) => {
  await withFolder(async (folder) => {
    await errorOf(t, 'E_BUNDLE_NOT_FOUND', () => openBundleFolder(folder, nobody));
    await errorOf(t, 'E_BUNDLE_NOT_FOUND', () => openBundleFolder(path.join(folder, 'absent'), nobody));
  });
});
