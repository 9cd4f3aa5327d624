import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { composeImage, composeIndex, noise, type ComposedImage } from '../../../bin/demo/sample-images.ts';
import { openDockerArchive } from '../../../src/archive/docker-archive.ts';
import { emitArchive } from '../../../src/archive/emit.ts';
import { planArchive } from '../../../src/archive/plan.ts';
import type { LockedImage } from '../../../src/core/image.ts';
import { mediaTypes } from '../../../src/core/media-types.ts';
import { defaultPlatform, parsePlatform } from '../../../src/core/platform.ts';
import type { ImageSource } from '../../../src/core/ports.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { blobBytes, lockComposed, opener, smallFamily, tempDir } from '../../helpers/compose.ts';
import { readImage } from '../../helpers/image-reading.ts';
import {
  blob,
  blobEntry,
  dialects,
  docker25,
  indexEntry,
  json,
  layoutOf,
  type Named,
} from '../../helpers/saves.ts';
import { tarOf } from '../../helpers/tar-file.ts';

const { composed, images: locks } = smallFamily();
const names = locks.map(({ reference }) => reference);
// The third has the same layer twice.
const [one, two, three] = composed;
if (one === undefined || two === undefined || three === undefined) throw new Error('no samples');
const twice = composeImage({ base: three, files: [{ path: 'three', content: noise('three', 1500) }] });
const named: Named[] = [one, two, twice].map((image, at) => ({ name: names[at] ?? '', image }));

async function opened(
  t: ExecutionContext,
  bytes: Buffer,
  use: (source: ImageSource, spoolDir: string) => Promise<void>,
): Promise<void> {
  const dir = await tempDir(t);
  const file = path.join(dir, 'save.tar');
  await writeFile(file, bytes);
  const spoolDir = path.join(dir, 'spool');
  const source = await openDockerArchive(file, { spoolDir });
  try {
    await use(source, spoolDir);
  } finally {
    await source.close();
  }
  t.deepEqual(await leftovers(spoolDir), []);
}

const leftovers = async (dir: string): Promise<string[]> =>
  (await readdir(dir, { recursive: true })).filter((name) => name.endsWith('.part'));
const blobsIn = async (dir: string): Promise<number> =>
  (await readdir(path.join(dir, 'blobs', 'sha256'))).length;

const resolve = (source: ImageSource, name: string): Promise<LockedImage> =>
  source.resolve(parseReference(name), defaultPlatform);

async function checkAll(t: ExecutionContext, source: ImageSource): Promise<LockedImage[]> {
  const found: LockedImage[] = [];
  for (const { name, image } of named) {
    const locked = await resolve(source, name);
    t.is(locked.reference, name);
    t.is(locked.config.digest, image.config.descriptor.digest, 'the image ID stays');
    t.deepEqual(
      locked.layers.map(({ diffId }) => diffId),
      image.layers.map(({ diffId }) => diffId),
    );
    const unique = new Set(locked.layers.map(({ digest }) => digest)).size;
    t.is(await readImage(source, locked), 2 + unique);
    found.push(locked);
  }
  return found;
}

/** What keeps the manifest of the registry, and what at least its layers. */
const keepsManifest = ["Docker's containerd store", 'Podman, oci-archive', 'regctl'];
const keepsLayers = [...keepsManifest, 'crane'];

for (const [dialect, write] of Object.entries(dialects)) {
  test(`every image of a save, with all its blobs: ${dialect}`, async (t) => {
    const tar = tarOf(write(named));
    const found: LockedImage[][] = [];
    for (const bytes of [tar, gzipSync(tar)]) {
      await opened(t, bytes, async (source, spoolDir) => {
        found.push(await checkAll(t, source));
        if (keepsLayers.includes(dialect)) t.is(await blobsIn(spoolDir), 0, 'nothing is copied');
      });
    }
    const [fromPlain, fromGzip] = found;
    t.deepEqual(
      fromGzip?.map((image) => ({ ...image, source: '' })),
      fromPlain?.map((image) => ({ ...image, source: '' })),
    );
    for (const [at, image] of (fromPlain ?? []).entries()) {
      const { manifest, layers } = lockComposed('', named[at]?.image ?? one);
      if (keepsManifest.includes(dialect)) t.deepEqual(image.manifest, manifest);
      else t.is(image.manifest.mediaType, mediaTypes.ociManifest);
      if (keepsLayers.includes(dialect)) {
        t.deepEqual(
          image.layers.map(({ digest }) => digest),
          layers.map(({ digest }) => digest),
        );
      }
    }
  });
}

test('our own archives, in both orders', async (t) => {
  const images = named.map(({ name, image }) => lockComposed(name, image));
  const openBlob = opener(blobBytes(named.map(({ image }) => image)));
  for (const commitRecord of ['first', 'last'] as const) {
    const bytes = await buffer(emitArchive(planArchive(images, { commitRecord }), { openBlob, name: 'all' }));
    await opened(t, bytes, async (source) => {
      const found = await checkAll(t, source);
      t.deepEqual(
        found.map(({ manifest }) => manifest),
        images.map(({ manifest }) => manifest),
      );
    });
  }
});

test('all dialects with uncompressed layers give the same digests', async (t) => {
  const found: string[][] = [];
  for (const dialect of ['Docker before 25', 'Docker 25 and later', 'Podman and skopeo'] as const) {
    await opened(t, tarOf(dialects[dialect](named)), async (source) => {
      found.push((await checkAll(t, source)).map(({ manifest }) => manifest.digest));
    });
  }
  t.deepEqual(found[0], found[1]);
  t.deepEqual(found[0], found[2]);
});

const noLayers = (manifest: object): object => ({ ...manifest, layers: [] });
const nullLayers = (manifest: object): object => ({ ...manifest, layers: null });
const wrongSizes = (manifest: object): object => {
  const { layers = [] } = manifest as { layers?: { size: number }[] };
  return { ...manifest, layers: layers.map((layer) => ({ ...layer, size: 1 })) };
};
const wrongOrder = (manifest: object): object => {
  const { layers = [] } = manifest as { layers?: object[] };
  return { ...manifest, layers: [...layers].reverse() };
};
for (const [what, edit] of Object.entries({
  'no layers': noLayers,
  'null for its layers': nullLayers,
  'wrong sizes': wrongSizes,
  'wrong order': wrongOrder,
})) {
  test(`Docker 25.0 wrote OCI manifests with ${what}: manifest.json counts`, async (t) => {
    await opened(t, tarOf(docker25(named, edit)), async (source) => {
      await checkAll(t, source);
    });
  });
}

test('index.json with null for its list, as Docker 25 saves an image by its ID', async (t) => {
  const members = docker25(named).map((member) =>
    member.name === 'index.json' ? json('index.json', { schemaVersion: 2, manifests: null }) : member,
  );
  await opened(t, tarOf(members), async (source) => {
    await checkAll(t, source);
  });
});

test('attestations larger than everything that is held in memory', async (t) => {
  const statement = (at: number): Buffer =>
    Buffer.from(
      JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', at, sbom: 'x'.repeat(7_900_000) }),
    );
  const large = Array.from({ length: 10 }, (_, at) => blob(statement(at)));
  const bytes = tarOf([...large, ...dialects["Docker's containerd store"](named)]);
  await opened(t, bytes, async (source) => {
    await checkAll(t, source);
  });
});

test('a digest leads to a manifest that was kept, also through its index', async (t) => {
  await opened(t, tarOf(dialects["Docker's containerd store"](named)), async (source) => {
    const { digest } = one.manifest.descriptor;
    const image = await resolve(source, `demisto/one@${digest}`);
    t.is(image.manifest.digest, digest);
    t.is(image.reference, `docker.io/demisto/one@${digest}`);
  });
});

test('the right one of several platforms', async (t) => {
  const arm = composeImage({
    platform: parsePlatform('linux/arm64'),
    files: [{ path: 'arm', content: 'arm' }],
  });
  const index = composeIndex([one, arm]);
  const blobs = [index.index.bytes, ...[one, arm].flatMap(bytesOf)];
  const entry = indexEntry(index.index.descriptor, names[0] ?? '', '1.0');
  const members = [
    ...layoutOf([entry]),
    json('manifest.json', [blobEntry({ name: names[0] ?? '', image: one })]),
    ...blobs.map(blob),
  ];
  await opened(t, tarOf(members), async (source) => {
    const reference = parseReference(names[0] ?? '');
    const find = (platform: string): Promise<LockedImage> =>
      source.resolve(reference, parsePlatform(platform));
    t.is((await find('linux/amd64')).manifest.digest, one.manifest.descriptor.digest);
    t.is((await find('linux/arm64')).manifest.digest, arm.manifest.descriptor.digest);
    const error = await t.throwsAsync(find('linux/s390x'), { code: 'E_PLATFORM_NOT_FOUND' });
    t.true(error.message.includes('linux/arm64'), error.message);
  });
});

function bytesOf(image: ComposedImage): Buffer[] {
  return [image.manifest, image.config, ...image.layers].map(({ bytes }) => bytes);
}

test('a blob is read from the byte that is asked for, also by a run that resolved nothing', async (t) => {
  for (const dialect of ['Docker before 25', 'crane'] as const) {
    await opened(t, tarOf(dialects[dialect](named)), async (source, spoolDir) => {
      const image = await resolve(source, names[0] ?? '');
      const whole = await buffer(await source.openBlob(image, image.layers[0] ?? image.config));
      const again = await openDockerArchive(path.join(spoolDir, '..', 'save.tar'), {
        spoolDir: `${spoolDir}2`,
      });
      const rest = await buffer(await again.openBlob(image, image.layers[0] ?? image.config, { from: 100 }));
      await again.close();
      t.deepEqual(rest, whole.subarray(100));
    });
  }
});

test('a file behind a symbolic link', async (t) => {
  const dir = await tempDir(t);
  await writeFile(path.join(dir, 'save.tar'), tarOf(dialects.crane(named)));
  await symlink('save.tar', path.join(dir, 'latest.tar'));
  const source = await openDockerArchive(path.join(dir, 'latest.tar'), { spoolDir: path.join(dir, 'spool') });
  await checkAll(t, source);
  await source.close();
});

test('no file, or a folder', async (t) => {
  const dir = await tempDir(t);
  await mkdir(path.join(dir, 'folder'));
  for (const name of ['missing.tar', 'folder']) {
    const opening = openDockerArchive(path.join(dir, name), { spoolDir: path.join(dir, 'spool') });
    await t.throwsAsync(opening, { code: 'E_SOURCE_UNREACHABLE' });
  }
});
