import { createHash } from 'node:crypto';
import {
  cp,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { documentText } from '../../src/bundle/document.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { BundleSource, lockedImageOf } from '../../src/bundle/source.ts';
import { formatSums, parseSums } from '../../src/bundle/sums.ts';
import { collect } from '../../src/core/collect.ts';
import { digestOf } from '../../src/core/digest.ts';
import { limits } from '../../src/core/limits.ts';
import { PackferryError, statusOfErrors, type ErrorCode } from '../../src/core/errors.ts';
import { silent, type Event } from '../../src/core/events.ts';
import { blobsOf } from '../../src/core/image.ts';
import { bundleSchema, type BundleDocument } from '../../src/schema/bundle.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { fixtureTime, makeTrust, withBundle, type BundleFixture } from '../helpers/bundle-fixture.ts';

const code = (expected: ErrorCode) => ({ instanceOf: PackferryError, code: expected });

/** Writes sums and signature anew, as somebody with the key would. */
async function reseal({ signer }: BundleFixture, dir: string): Promise<void> {
  const sums = new Map<string, string>();
  for (const name of await readdir(dir)) {
    if (name.startsWith('SHA256SUMS')) continue;
    sums.set(
      name,
      createHash('sha256')
        .update(await readFile(path.join(dir, name)))
        .digest('hex'),
    );
  }
  const list = formatSums(sums);
  await writeFile(path.join(dir, 'SHA256SUMS'), list);
  await writeFile(path.join(dir, 'SHA256SUMS.sig'), await signer.sign(Buffer.from(list), bundleNamespace));
}

/** Changes bundle.json and seals the bundle again: a signed bundle that says something wrong. */
async function rewrite(
  fixture: BundleFixture,
  dir: string,
  change: (document: BundleDocument) => unknown,
): Promise<void> {
  const file = path.join(dir, 'bundle.json');
  const document = bundleSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  await writeFile(file, documentText(change(document)));
  await reseal(fixture, dir);
}

test('a bundle is verified, and its blobs can be read at their places', async (t) => {
  await withBundle(async ({ dir, open, images }) => {
    const bundle = await open(dir);
    t.deepEqual(
      bundle.signers.map(({ principal }) => principal),
      ['test-builder'],
    );
    t.is(bundle.document.images.length, images.length);
    const source = new BundleSource(bundle);
    for (const entry of bundle.document.images) {
      const image = lockedImageOf(entry, bundle.document.platform);
      for (const blob of blobsOf(image)) {
        const bytes = await collect(await source.openBlob(image, blob), blob.size, blob.digest);
        t.is(digestOf(bytes), blob.digest);
        const rest = await collect(await source.openBlob(image, blob, { from: 10 }), blob.size, blob.digest);
        t.true(rest.equals(bytes.subarray(10)));
      }
    }
  });
});

test('one flipped bit in any file is found, wherever it is', async (t) => {
  await withBundle(async ({ dir, open }) => {
    for (const name of await readdir(dir)) {
      const file = path.join(dir, name);
      const good = await readFile(file);
      const step = Math.max(1, Math.floor(good.length / 40));
      for (let at = 0; at < good.length; at += step) {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ 0x10;
        await writeFile(file, bad);
        const error = await t.throwsAsync(open(dir), { instanceOf: PackferryError }, `${name} byte ${at}`);
        t.is(statusOfErrors([error]), 4, `${name} byte ${at}`);
      }
      await writeFile(file, good);
    }
    await t.notThrowsAsync(open(dir));
  });
});

test('damage in a layer names archive, blob and images', async (t) => {
  await withBundle(async ({ dir, open, images }) => {
    const victim = images[1];
    const layer = victim?.layers.at(-1);
    const { document } = await open(dir);
    const place = document.archives[0]?.blobs.find(({ digest }) => digest === layer?.digest);
    if (victim === undefined || layer === undefined || place === undefined) throw new Error('no such blob');
    const file = path.join(dir, 'images-001.tar');
    const bytes = await readFile(file);
    bytes[place.offset + 5] = (bytes[place.offset + 5] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const error = await t.throwsAsync(open(dir), code('E_DIGEST_MISMATCH'));
    for (const part of ['images-001.tar', layer.digest.slice(7), victim.reference]) {
      t.true(error.message.includes(part), part);
    }
  });
});

const damaged = test.macro({
  exec: async (
    t: ExecutionContext,
    harm: (dir: string, fixture: BundleFixture) => Promise<unknown>,
    expected: ErrorCode,
  ) => {
    await withBundle(async (fixture) => {
      await harm(fixture.dir, fixture);
      await t.throwsAsync(fixture.open(fixture.dir), code(expected));
    });
  },
  title: (name) => `refused: ${name ?? ''}`,
});

test(
  'an archive cut to nothing',
  damaged,
  (dir) => truncate(path.join(dir, 'images-001.tar'), 0),
  'E_SIZE_MISMATCH',
);
test(
  'an archive that lacks its last byte',
  damaged,
  async (dir) => {
    const file = path.join(dir, 'images-001.tar');
    await truncate(file, (await readFile(file)).length - 1);
  },
  'E_SIZE_MISMATCH',
);
test(
  'an archive that goes on',
  damaged,
  async (dir) => {
    await writeFile(path.join(dir, 'images-001.tar'), Buffer.alloc(512), { flag: 'a' });
  },
  'E_SIZE_MISMATCH',
);
test('a missing archive', damaged, (dir) => rm(path.join(dir, 'images-001.tar')), 'E_BUNDLE_INCOMPLETE');
test('a missing signature', damaged, (dir) => rm(path.join(dir, 'SHA256SUMS.sig')), 'E_BUNDLE_INCOMPLETE');
test('a missing list', damaged, (dir) => rm(path.join(dir, 'SHA256SUMS')), 'E_BUNDLE_INCOMPLETE');
test('an extra archive', damaged, (dir) => writeFile(path.join(dir, 'zz.tar'), 'x'), 'E_BUNDLE_EXTRA_FILE');
test('an extra folder', damaged, (dir) => mkdir(path.join(dir, 'packs')), 'E_BUNDLE_EXTRA_FILE');
test('an extra hidden file', damaged, (dir) => writeFile(path.join(dir, '.x'), 'x'), 'E_BUNDLE_EXTRA_FILE');
test(
  'an archive behind a symbolic link',
  damaged,
  async (dir, { folder }) => {
    await rename(path.join(dir, 'images-001.tar'), path.join(folder, 'elsewhere'));
    await symlink(path.join(folder, 'elsewhere'), path.join(dir, 'images-001.tar'));
  },
  'E_BUNDLE_EXTRA_FILE',
);
test(
  'an archive with a second name',
  damaged,
  (dir, { folder }) => link(path.join(dir, 'images-001.tar'), path.join(folder, 'elsewhere')),
  'E_BUNDLE_EXTRA_FILE',
);
test(
  'a folder in the place of an archive',
  damaged,
  async (dir) => {
    await rm(path.join(dir, 'images-001.tar'));
    await mkdir(path.join(dir, 'images-001.tar'));
  },
  'E_BUNDLE_EXTRA_FILE',
);
test(
  'an export that has not finished',
  damaged,
  (dir) => writeFile(path.join(dir, 'export.journal'), ''),
  'E_BUNDLE_INCOMPLETE',
);
test('a folder that is not there', damaged, (dir) => rm(dir, { recursive: true }), 'E_BUNDLE_NOT_FOUND');
test(
  'a signature of another bundle',
  damaged,
  async (dir, { folder, write, content }) => {
    const other = path.join(folder, 'other');
    await write(other, { content: { ...content(), name: 'other' } });
    await cp(path.join(other, 'SHA256SUMS.sig'), path.join(dir, 'SHA256SUMS.sig'));
  },
  'E_SIGNATURE_INVALID',
);
test(
  'an archive of another genuine bundle',
  damaged,
  async (dir, { folder, write, content }) => {
    const other = path.join(folder, 'other');
    const volumes = content().volumes.map((volume) => [...volume].reverse());
    await write(other, { content: { ...content(), volumes } });
    await cp(path.join(other, 'images-001.tar'), path.join(dir, 'images-001.tar'));
  },
  'E_DIGEST_MISMATCH',
);
test(
  'a second signature that is broken',
  damaged,
  (dir) => writeFile(path.join(dir, 'SHA256SUMS.2.sig'), 'x'),
  'E_SIGNATURE_INVALID',
);

/** Signed by a trusted key, and yet not acceptable. */
const misdescribed = test.macro({
  exec: async (t: ExecutionContext, change: (document: BundleDocument) => unknown, expected: ErrorCode) => {
    await withBundle(async (fixture) => {
      await rewrite(fixture, fixture.dir, change);
      await t.throwsAsync(fixture.open(fixture.dir), code(expected));
    });
  },
  title: (name) => `refused although signed: ${name ?? ''}`,
});

const first = (document: BundleDocument): BundleDocument['images'][number] => {
  const [image] = document.images;
  if (image === undefined) throw new Error('no image');
  return image;
};

test(
  'a newer major version',
  misdescribed,
  (d) => ({ ...d, schema: 'packferry.bundle/v2' }),
  'E_BUNDLE_NEWER',
);
test('another kind of document', misdescribed, (d) => ({ ...d, schema: 'other/v1' }), 'E_BUNDLE_MALFORMED');
test(
  'a bundle that leaves out a document',
  misdescribed,
  (d) => ({ ...d, requires: [first(d).config] }),
  'E_BUNDLE_MALFORMED',
);
test(
  'a bundle that says that it leaves out a layer which its archives hold',
  misdescribed,
  (d) => ({ ...d, requires: first(d).layers.slice(0, 1) }),
  'E_BUNDLE_MALFORMED',
);
test(
  'a bundle that leaves out what none of its images has',
  misdescribed,
  (d) => ({ ...d, requires: [{ ...first(d).config, digest: `sha256:${'0'.repeat(64)}` }] }),
  'E_BUNDLE_MALFORMED',
);
test(
  'a bundle that leaves out a layer of another size',
  misdescribed,
  (d) => ({
    ...d,
    requires: first(d)
      .layers.slice(0, 1)
      .map((layer) => ({ ...layer, size: 1 })),
  }),
  'E_BUNDLE_MALFORMED',
);
test(
  'a bundle for certain sites, and this one has no name',
  misdescribed,
  (d) => ({ ...d, audience: ['site-a'] }),
  'E_WRONG_SITE',
);
test('a bundle for no site', misdescribed, (d) => ({ ...d, audience: [] }), 'E_BUNDLE_MALFORMED');
test(
  'an expired bundle',
  misdescribed,
  (d) => ({ ...d, expiresAt: '2026-11-22T00:00:00Z' }),
  'E_BUNDLE_EXPIRED',
);
test('a sequence that is no number', misdescribed, (d) => ({ ...d, sequence: '42' }), 'E_BUNDLE_MALFORMED');
test(
  'a sequence beyond what can be counted',
  misdescribed,
  (d) => ({ ...d, sequence: 9007199254740993 }),
  'E_BUNDLE_MALFORMED',
);
test('a negative sequence', misdescribed, (d) => ({ ...d, sequence: -1 }), 'E_BUNDLE_MALFORMED');
test(
  'two images with one name',
  misdescribed,
  (d) => ({ ...d, images: [...d.images, first(d)] }),
  'E_BUNDLE_MALFORMED',
);
test(
  'two images whose names differ by the digest only, which engines leave out',
  misdescribed,
  (d) => ({
    ...d,
    images: d.images.map((image, at) =>
      at < 2 ? { ...image, reference: `docker.io/demisto/x:1@${image.manifest.digest}` } : image,
    ),
  }),
  'E_BUNDLE_MALFORMED',
);
test(
  'a short name',
  misdescribed,
  (d) => ({
    ...d,
    images: [{ ...first(d), reference: 'demisto/python3:1' }, ...d.images.slice(1)],
  }),
  'E_BUNDLE_MALFORMED',
);
test(
  'swapped names',
  misdescribed,
  (d) => {
    const [one, two, ...rest] = d.images;
    if (one === undefined || two === undefined) throw new Error('no images');
    return {
      ...d,
      images: [{ ...one, reference: two.reference }, { ...two, reference: one.reference }, ...rest],
    };
  },
  'E_DIGEST_MISMATCH',
);
test(
  'an archive outside of the folder',
  misdescribed,
  (d) => ({
    ...d,
    archives: d.archives.map((archive) => ({ ...archive, file: '../images-001.tar' })),
  }),
  'E_BUNDLE_MALFORMED',
);
test(
  'an archive that is not there',
  misdescribed,
  (d) => ({
    ...d,
    images: d.images.map((image) => ({ ...image, archive: 'images-002.tar' })),
  }),
  'E_BUNDLE_MALFORMED',
);
test(
  'blobs at other offsets',
  misdescribed,
  (d) => ({
    ...d,
    archives: d.archives.map((archive) => ({
      ...archive,
      blobs: archive.blobs.map((blob) => ({ ...blob, offset: blob.offset + 512 })),
    })),
  }),
  'E_BUNDLE_MALFORMED',
);

test(
  'a layer under another diffID',
  misdescribed,
  (d) => ({
    ...d,
    images: [
      { ...first(d), layers: first(d).layers.map((layer) => ({ ...layer, diffId: layer.digest })) },
      ...d.images.slice(1),
    ],
  }),
  'E_IMAGE_MALFORMED',
);
test(
  'images for another platform',
  misdescribed,
  (d) => ({ ...d, platform: { os: 'linux', architecture: 'arm64' } }),
  'E_IMAGE_MALFORMED',
);

test('duplicate keys in bundle.json, signed', async (t) => {
  await withBundle(async (fixture) => {
    const file = path.join(fixture.dir, 'bundle.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"name"', '"NAME": "x",\n  "name"'));
    await reseal(fixture, fixture.dir);
    await t.throwsAsync(fixture.open(fixture.dir), code('E_JSON_INVALID'));
  });
});

test('a good signature by a stranger is told apart from a bad one', async (t) => {
  await withBundle(async ({ dir }) => {
    const { allowed } = await makeTrust('somebody-else');
    const error = await t.throwsAsync(
      openBundle(dir, { allowed, now: fixtureTime, emit: silent }),
      code('E_SIGNER_UNTRUSTED'),
    );
    t.truthy(error instanceof PackferryError && error.hint);
  });
});

test('a folder that holds bundles, and a file, are no damaged bundle but the wrong place', async (t) => {
  await withBundle(async ({ dir, folder, open }) => {
    const above = await t.throwsAsync(open(folder), code('E_BUNDLE_NOT_FOUND'));
    t.regex(above.message, /is no bundle: there is no SHA256SUMS in it/);
    const file = await t.throwsAsync(open(path.join(dir, 'bundle.json')), code('E_BUNDLE_NOT_FOUND'));
    t.regex(file.message, /bundle\.json: it is a file, and a bundle is a folder$/);
    const other = path.join(folder, 'other');
    await mkdir(other);
    const empty = await t.throwsAsync(open(other), code('E_BUNDLE_NOT_FOUND'));
    t.regex(empty.message, /other: the folder is empty$/);
    t.regex(empty.hint ?? '', /^Is the medium mounted\? /);
    await writeFile(path.join(other, 'notes.txt'), 'of somebody');
    const foreign = await t.throwsAsync(open(other), code('E_BUNDLE_NOT_FOUND'));
    t.regex(foreign.message, /is no bundle: there is no SHA256SUMS in it/);
  });
});

test('signers come in the order in which they signed', async (t) => {
  await withBundle(async ({ dir, allowed }) => {
    const list = await readFile(path.join(dir, 'SHA256SUMS'));
    const names = ['2', '3', '10'];
    const others = await Promise.all(names.map((name) => makeTrust(`signer-${name}`)));
    for (const [at, { signer }] of others.entries())
      await writeFile(
        path.join(dir, `SHA256SUMS.${names[at] ?? ''}.sig`),
        await signer.sign(list, bundleNamespace),
      );
    const signers = [allowed, ...others.map((other) => other.allowed)].flatMap((one) => one.signers);
    const everybody = { ...allowed, signers };
    const bundle = await openBundle(dir, { allowed: everybody, now: fixtureTime, emit: silent });
    t.deepEqual(
      bundle.signers.slice(1).map(({ principal }) => principal),
      ['signer-2', 'signer-3', 'signer-10'],
    );
  });
});

test('a second signature by a stranger is told, and does no harm', async (t) => {
  await withBundle(async ({ dir, allowed }) => {
    const stranger = await makeTrust('stranger');
    const list = await readFile(path.join(dir, 'SHA256SUMS'));
    await writeFile(path.join(dir, 'SHA256SUMS.2.sig'), await stranger.signer.sign(list, bundleNamespace));
    const notes: Event[] = [];
    const bundle = await openBundle(dir, { allowed, now: fixtureTime, emit: (event) => notes.push(event) });
    t.is(bundle.signers.length, 1);
    t.true(notes.some((event) => event.type === 'note' && event.level === 'warning'));
  });
});

test('litter of operating systems is reported and changes nothing', async (t) => {
  await withBundle(async ({ dir, open }) => {
    await writeFile(path.join(dir, '.DS_Store'), 'x');
    await writeFile(path.join(dir, '._bundle.json'), 'x');
    await mkdir(path.join(dir, 'System Volume Information'));
    t.deepEqual([...(await open(dir)).litter].sort(), [
      '.DS_Store',
      '._bundle.json',
      'System Volume Information',
    ]);
  });
});

test('a signed file of a name that this version does not know is hashed, and is no fault', async (t) => {
  await withBundle(async (fixture) => {
    const file = path.join(fixture.dir, 'sbom.json');
    await writeFile(file, 'not even JSON');
    await reseal(fixture, fixture.dir);
    t.is((await fixture.open(fixture.dir)).document.archives.length, 1);
    await writeFile(file, 'not even json');
    await t.throwsAsync(fixture.open(fixture.dir), code('E_DIGEST_MISMATCH'));
    await writeFile(file, Buffer.alloc(limits.bundleText + 1));
    await reseal(fixture, fixture.dir);
    await t.throwsAsync(fixture.open(fixture.dir), code('E_LIMIT_EXCEEDED'));
  });
});

test('a signed archive that bundle.json does not tell of, and that load.sh would load, is refused', async (t) => {
  await withBundle(async (fixture) => {
    await writeFile(path.join(fixture.dir, 'images-002.tar'), 'anything');
    await reseal(fixture, fixture.dir);
    await t.throwsAsync(fixture.open(fixture.dir), code('E_BUNDLE_MALFORMED'));
  });
});

test('all missing and extra files are told at once', async (t) => {
  await withBundle(async ({ dir, open }) => {
    await rm(path.join(dir, 'README.txt'));
    await rm(path.join(dir, 'load.sh'));
    await writeFile(path.join(dir, 'zz'), 'x');
    const error = await t.throwsAsync(open(dir), { instanceOf: PackferryError });
    t.is(error.errors.length, 3);
  });
});

test('a file that changes after the verification is found out when it is delivered', async (t) => {
  await withBundle(async ({ dir, open, folder }) => {
    const bundle = await open(dir);
    const file = path.join(dir, 'images-001.tar');
    const bytes = await readFile(file);
    for (const { offset } of bundle.document.archives[0]?.blobs ?? [])
      bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const { openOciTarget } = await import('../../src/archive/oci-target.ts');
    const target = await openOciTarget(path.join(folder, 'target'));
    const [entry] = bundle.document.images;
    if (entry === undefined) throw new Error('no image');
    const image = lockedImageOf(entry, bundle.document.platform);
    await t.throwsAsync(target.deliver(image, new BundleSource(bundle)), code('E_DIGEST_MISMATCH'));
    t.deepEqual(await target.survey([image]), [{ state: 'absent', held: new Set() }]);
  });
});

test('the list covers every file', async (t) => {
  await withBundle(async ({ dir }) => {
    const sums = parseSums(await readFile(path.join(dir, 'SHA256SUMS'), 'utf8'));
    const names = (await readdir(dir)).filter((name) => !name.startsWith('SHA256SUMS')).sort();
    t.deepEqual([...sums.keys()].sort(), names);
  });
});
