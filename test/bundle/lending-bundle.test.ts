import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { LayerCheck } from '../../src/bundle/check-layers.ts';
import { openLendingBundle, type LendingBundle } from '../../src/bundle/lending-bundle.ts';
import type { SignatureOptions } from '../../src/bundle/signed-list.ts';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import type { Layer } from '../../src/core/image.ts';
import { verified } from '../../src/core/verify-stream.ts';
import type { BundleImage } from '../../src/schema/bundle.ts';
import { parseRevokedKeys } from '../../src/trust/revoked-keys.ts';
import { defaultPolicy } from '../../src/trust/read-policy.ts';
import { fixtureTime, makeTrust, withBundleFixture, type BundleFixture } from '../helpers/bundle-fixture.ts';
import { flipBit } from '../helpers/damaged-bundle.ts';
import { contentWith, leftOutBy } from '../helpers/delta-content.ts';

interface Lending extends Omit<BundleFixture, 'images'> {
  readonly dir: string;
  readonly archive: string;
  readonly lend: (more?: Partial<SignatureOptions>, dir?: string) => Promise<LendingBundle>;
  readonly images: readonly [BundleImage, ...BundleImage[]];
  readonly layer: Layer;
  /** Where the layer begins in the archive. */
  readonly offset: number;
}

/** Runs with a bundle that may lend, and one of its layers. */
async function withLending(use: (lending: Lending) => Promise<void>): Promise<void> {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'lends');
    const { document } = await fixture.write(dir);
    const [first, ...rest] = document.images;
    const [archive] = document.archives;
    const layer = first?.layers.at(-1);
    const offset = archive?.blobs.find(({ digest }) => digest === layer?.digest)?.offset;
    if (first === undefined || archive === undefined || layer === undefined || offset === undefined)
      throw new Error('the bundle is not as it should be');
    const lend: Lending['lend'] = (more = {}, where = dir) =>
      openLendingBundle(where, { allowed: fixture.allowed, now: fixtureTime, emit: silent, ...more });
    const file = path.join(dir, archive.file);
    await use({ ...fixture, dir, archive: file, lend, images: [first, ...rest], layer, offset });
  });
}

test('a layer is handed out only after all of it was read and hashed', async (t) => {
  await withLending(async ({ dir, lend, layer, images }) => {
    const lender = await lend();
    t.true(lender.carries(layer));
    t.false(lender.carries({ ...layer, size: layer.size + 1 }));
    t.false(lender.lends(layer));
    await t.throwsAsync(lender.open(layer), { instanceOf: TypeError });
    t.like(lender.report, { layers: 0, bytes: 0 });
    let read = 0;
    await lender.verify(layer, { onBytes: (bytes) => (read = bytes) });
    t.is(read, layer.size);
    t.true(lender.lends(layer));
    t.is(digestOf(await buffer(await lender.open(layer))), layer.digest);
    t.is((await buffer(await lender.open(layer, { from: layer.size - 8 }))).length, 8);
    // The others are still not.
    const other = images[0].layers[0];
    if (other !== undefined) await t.throwsAsync(lender.open(other), { instanceOf: TypeError });
    t.like(lender.report, { dir, name: 'test', layers: 1, bytes: layer.size });
    t.is(lender.report.signers[0]?.principal, 'test-builder');
  });
});

test('a bundle that nobody trusted has signed lends nothing', async (t) => {
  await withLending(async ({ dir, lend, allowed, allowedLine }) => {
    const stranger = await makeTrust('stranger');
    const untrusted = await t.throwsAsync(lend({ allowed: stranger.allowed }), {
      code: 'E_SIGNER_UNTRUSTED',
    });
    t.true(untrusted.message.includes(dir), untrusted.message);
    const key = /ssh-ed25519 \S+/.exec(allowedLine)?.[0] ?? '';
    const revoked = [parseRevokedKeys(Buffer.from(`${key}\n`), 'revoked_keys')];
    const error = await t.throwsAsync(lend({ allowed: { ...allowed, revoked } }), {
      code: 'E_SIGNER_UNTRUSTED',
    });
    t.regex(error.message, /revoked/);
    await t.throwsAsync(lend({ policy: { ...defaultPolicy, threshold: 2 } }), { code: 'E_THRESHOLD' });
    const document = path.join(dir, 'bundle.json');
    await writeFile(document, (await readFile(document, 'utf8')).replace('"test"', '"tess"'));
    await t.throwsAsync(lend(), { code: 'E_DIGEST_MISMATCH' });
    await rm(path.join(dir, 'SHA256SUMS.sig'));
    const unsigned = await t.throwsAsync(lend(), { code: 'E_BUNDLE_INCOMPLETE' });
    t.true(unsigned.message.includes(dir), unsigned.message);
  });
});

test('a bundle that is damaged, expired and old lends what of it is whole', async (t) => {
  await withLending(async ({ folder, write, lend, content, images, allowed }) => {
    const dir = path.join(folder, 'old');
    const { document } = await write(dir, { content: { ...content(), expiresAfter: 60 } });
    await rm(path.join(dir, 'README.txt'));
    const [archive] = document.archives;
    const [python] = images;
    const [first, second] = python.layers;
    const place = archive?.blobs.find(({ digest }) => digest === first?.digest);
    if (archive === undefined || place === undefined || first === undefined || second === undefined)
      return t.fail();
    await flipBit(path.join(dir, archive.file), place.offset + 5);
    const later = new Date(fixtureTime.getTime() + 1000 * 86_400_000);
    const lender = await lend({ allowed, now: later }, dir);
    await lender.verify(second);
    const error = await t.throwsAsync(lender.verify(first), {
      instanceOf: PackferryError,
      code: 'E_DIGEST_MISMATCH',
    });
    t.true(error.message.includes(dir) && error.message.includes(first.digest), error.message);
    t.true(lender.lends(second));
    t.false(lender.lends(first));
    await t.throwsAsync(lender.open(first), { instanceOf: TypeError });
  });
});

test('an archive that is too short or missing lends nothing that lay there', async (t) => {
  await withLending(async ({ archive, lend, layer, offset }) => {
    await truncate(archive, offset + layer.size - 1);
    await t.throwsAsync((await lend()).verify(layer), { code: 'E_SIZE_MISMATCH' });
    await rm(archive);
    await t.throwsAsync((await lend()).verify(layer), { code: 'E_BUNDLE_INCOMPLETE' });
  });
});

test('what changes after it was verified is found out', async (t) => {
  await withLending(async ({ dir, archive, lend, layer, offset }) => {
    const lender = await lend();
    await lender.verify(layer);
    // In place, with the time that it had.
    const { atime, mtime, size } = await stat(archive);
    const handle = await open(archive, 'r+');
    await handle.write(Buffer.from('changed'), 0, 7, offset);
    await handle.utimes(atime, mtime);
    await handle.close();
    const content = verified(await lender.open(layer), layer, { name: 'layer' });
    await t.throwsAsync(buffer(content), { code: 'E_DIGEST_MISMATCH' });
    // Another file in its place.
    await truncate(archive, size - 1);
    const error = await t.throwsAsync(lender.open(layer), { code: 'E_BUNDLE_MALFORMED' });
    t.true(error.message.includes(dir), error.message);
  });
});

test('a bundle that leaves a layer out itself does not lend it', async (t) => {
  await withLending(async ({ folder, write, lend, images, source }) => {
    const [python] = images;
    const locked = images.map((image) => ({ ...image, platform: { os: 'linux', architecture: 'amd64' } }));
    const leftOut = leftOutBy(locked, locked.slice(0, 1));
    const dir = path.join(folder, 'delta');
    await write(dir, { content: contentWith(locked, leftOut), source });
    const lender = await lend({}, dir);
    t.true(python.layers.every((layer) => !lender.carries(layer)));
    t.true(images.flatMap(({ layers }) => layers).some((layer) => lender.carries(layer)));
  });
});

test('where layers are looked into, one with other content than was promised is refused', async (t) => {
  await withLending(async ({ lend, layer, images }) => {
    const lender = await lend();
    await lender.verify(layer, { layers: new LayerCheck(images) });
    t.true(lender.lends(layer));
    const layers = images[0].layers.map((one) => ({ ...one, diffId: digestOf('something else') }));
    const promised = new LayerCheck([{ ...images[0], layers }]);
    const strict = await lend();
    const error = await t.throwsAsync(strict.verify(layer, { layers: promised }), {
      code: 'E_IMAGE_MALFORMED',
    });
    t.regex(error.message, /promises sha256/);
    t.false(strict.lends(layer));
  });
});
