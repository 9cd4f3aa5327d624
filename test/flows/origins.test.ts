import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, sampleImagesFor, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { collect } from '../../src/core/collect.ts';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { unusedOrigins } from '../../src/flows/origins.ts';
import { serveContent } from '../../src/registry/server.ts';
import { tempDir } from '../helpers/compose.ts';
import { imageFrom, manifestSource, patternFrom } from '../helpers/manifest-source.ts';
import { errorOf } from '../helpers/pack-folder.ts';
import { amd64 } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { containerd } from '../helpers/saves.ts';
import { tarOf } from '../helpers/tar-file.ts';

const custom = 'localhost/custom:1';

async function serve(t: ExecutionContext, content: MemoryContent): Promise<string> {
  const server = await serveContent(content, { host: '127.0.0.1', port: 0 });
  t.teardown(async () => server.close());
  return server.host;
}

/** A layout folder with these images; the URL of it. */
async function layout(t: ExecutionContext, ...references: readonly string[]): Promise<string> {
  const dir = path.join(await tempDir(t), 'layout');
  await writeOciLayout(dir, sampleImagesFor(references));
  return `oci:${dir}`;
}

async function resolve(source: ImageSource, reference: string): Promise<LockedImage> {
  return source.resolve(parseReference(reference), amd64);
}

/** Every blob of the image can be had, and is what its digest says. */
async function givesBlobs(t: ExecutionContext, source: ImageSource, image: LockedImage): Promise<void> {
  for (const blob of [image.manifest, image.config, ...image.layers]) {
    const bytes = await collect(await source.openBlob(image, blob), 10_000_000, 'blob');
    t.is(digestOf(bytes), blob.digest);
  }
}

test('an image with a registry as origin comes from there and keeps its name', async (t) => {
  const host = await serve(t, new MemoryContent().image('ghcr/acme/tool', '2.1', sampleImage()));
  const { source, notes } = manifestSource(t, [
    imageFrom('ghcr.io/acme/tool:2.1', `registry://${host}/ghcr`),
  ]);
  const image = await resolve(source, 'ghcr.io/acme/tool:2.1');
  t.is(image.reference, 'ghcr.io/acme/tool:2.1');
  t.is(image.source, `registry://${host}`);
  await givesBlobs(t, source, image);
  t.deepEqual(notes(), []);
});

test('an origin that does not have the image is named', async (t) => {
  const host = await serve(t, new MemoryContent().image('acme/other', '1', sampleImage()));
  const { source } = manifestSource(t, [imageFrom('ghcr.io/acme/tool:2.1', `registry://${host}`)]);
  const error = await errorOf(t, 'E_IMAGE_NOT_FOUND', () => resolve(source, 'ghcr.io/acme/tool:2.1'));
  t.true(error.message.includes('ghcr.io/acme/tool:2.1'), error.message);
  t.true(error.message.includes(host), error.message);
});

test('images without origin come from their own registry', async (t) => {
  const host = await serve(t, new MemoryContent().image('a/b', '1', sampleImage()));
  const { source } = manifestSource(t, [imageFrom('ghcr.io/acme/tool:2.1', 'oci:/nonexistent')]);
  const image = await resolve(source, `${host}/a/b:1`);
  t.is(image.reference, `${host}/a/b:1`);
  t.is(image.source, `registry://${host}`);
  await givesBlobs(t, source, image);
});

test('an image comes from a layout folder, which is named as it was written', async (t) => {
  const from = await layout(t, custom);
  const { source } = manifestSource(t, [imageFrom(custom, from)]);
  const image = await resolve(source, custom);
  t.deepEqual([image.reference, image.source], [custom, from]);
  await givesBlobs(t, source, image);
});

test('a pattern says where images of packs come from; a name says more, the first pattern most', async (t) => {
  const [one, two, three] = [
    await layout(t, custom),
    await layout(t, 'localhost/other:2'),
    await layout(t, custom),
  ];
  const { source } = manifestSource(t, [
    patternFrom('localhost/*', two),
    patternFrom('localhost/custom', three),
    imageFrom(custom, one),
  ]);
  t.is((await resolve(source, custom)).source, one);
  t.is((await resolve(source, 'localhost/other:2')).source, two);
  await errorOf(t, 'E_IMAGE_NOT_FOUND', () => resolve(source, 'localhost/custom:7'));
});

test('patterns that name no image are found', (t) => {
  const origins = [patternFrom('localhost/*', 'docker:'), patternFrom('ghcr.io/**', 'docker:')];
  const wanted = [{ reference: parseReference('localhost/a:1') }];
  t.deepEqual(
    unusedOrigins({ images: [], origins }, wanted).map(({ pattern }) => pattern),
    ['ghcr.io/**'],
  );
});

test('the first source of a chain that has the image wins, and the others are not opened', async (t) => {
  const from = await layout(t, custom);
  const { source, notes } = manifestSource(t, [imageFrom(custom, from, 'bundle:/nonexistent')]);
  const image = await resolve(source, custom);
  t.is(image.source, from);
  await givesBlobs(t, source, image);
  t.deepEqual(notes(), []);
});

test('a source that does not have the image is passed over with a note', async (t) => {
  const [without, having] = [await layout(t, 'localhost/other:1'), await layout(t, custom)];
  const { source, notes } = manifestSource(t, [imageFrom(custom, without, having)]);
  t.is((await resolve(source, custom)).source, having);
  t.is(notes().length, 1);
  t.true(notes()[0]?.startsWith(`info: passed over ${without}: ${custom}`), notes()[0]);
});

test('a save that lacks a layer, as engines leave out what they did not keep, is passed over for the registry', async (t) => {
  const image = composeImage({ files: [{ path: 'file', content: noise('gap', 3000) }] });
  const members = containerd([{ name: 'ghcr.io/acme/tool:2.1', image }]);
  const gap = `blobs/sha256/${hexOf(image.layers[0]?.descriptor.digest ?? digestOf(''))}`;
  const dir = await tempDir(t);
  const saved = `docker-archive:${path.join(dir, 'saved.tar')}`;
  await writeFile(path.join(dir, 'saved.tar'), tarOf(members.filter((member) => member.name !== gap)));
  const host = await serve(t, new MemoryContent().image('acme/tool', '2.1', sampleImage()));
  const { source, notes } = manifestSource(
    t,
    [imageFrom('ghcr.io/acme/tool:2.1', saved, `registry://${host}`)],
    { spoolDir: path.join(dir, 'spool') },
  );
  const resolved = await resolve(source, 'ghcr.io/acme/tool:2.1');
  t.is(resolved.source, `registry://${host}`);
  await givesBlobs(t, source, resolved);
  const warning = notes().find((note) => note.startsWith(`warning: passed over ${saved}`));
  t.true(warning?.includes(gap), notes().join('\n'));
});

test('a source out of reach is passed over with a warning, which comes once', async (t) => {
  const having = await layout(t, custom, 'localhost/other:1');
  const { source, notes } = manifestSource(t, [patternFrom('localhost/*', 'oci:/nonexistent', having)]);
  t.is((await resolve(source, custom)).source, having);
  t.is((await resolve(source, 'localhost/other:1')).source, having);
  t.is(notes().length, 1);
  t.true(notes()[0]?.startsWith('warning: passed over oci:/nonexistent: '), notes()[0]);
});

test('the own registry of an image that was built on site is not asked when something else can be', async (t) => {
  const having = await layout(t, custom);
  const { source, notes } = manifestSource(t, [patternFrom('**', 'registry:', having)]);
  t.is((await resolve(source, custom)).source, having);
  t.deepEqual(notes(), []);
  const host = await serve(t, new MemoryContent().image('a/b', '1', sampleImage()));
  t.is((await resolve(source, `${host}/a/b:1`)).source, `registry://${host}`, 'that of others is');
  const alone = manifestSource(t, [imageFrom(custom, 'registry:')]);
  await errorOf(t, 'E_SOURCE_UNREACHABLE', () => resolve(alone.source, custom));
});

test('wrong content is not passed over', async (t) => {
  const [broken, having] = [await layout(t, custom), await layout(t, custom)];
  await writeFile(path.join(broken.slice(4), 'index.json'), '{"schemaVersion":2,"manifests":7}');
  const { source } = manifestSource(t, [imageFrom(custom, broken, having)]);
  await errorOf(t, 'E_IMAGE_MALFORMED', () => resolve(source, custom));
});

test('when no source has it, one error tells what each said', async (t) => {
  const without = await layout(t, 'localhost/other:1');
  const { source, notes } = manifestSource(t, [imageFrom(custom, without, 'oci:/nonexistent')]);
  const error = await errorOf(t, 'E_SOURCE_UNREACHABLE', () => resolve(source, custom));
  t.true(error.message.startsWith(`${custom}: none of its 2 sources`), error.message);
  t.deepEqual(
    error.errors.map(({ code }) => code),
    ['E_IMAGE_NOT_FOUND', 'E_SOURCE_UNREACHABLE'],
  );
  t.true(error.errors[0]?.message.startsWith(`${without}: `), error.errors[0]?.message);
  t.deepEqual(notes(), []);
});

test('a blob comes from where its image came; when it is gone there, from another source that has that very blob', async (t) => {
  const [one, two] = [await layout(t, custom), await layout(t, custom)];
  const { source, notes } = manifestSource(t, [imageFrom(custom, one, two)]);
  const image = await resolve(source, custom);
  t.is(image.source, one);
  await rm(path.join(one.slice(4), 'blobs'), { recursive: true });
  await givesBlobs(t, source, image);
  t.true(
    notes().every((note) => note.startsWith(`warning: passed over ${one}: `)),
    notes().join('\n'),
  );
});

test('when a blob is gone everywhere, the source of its image is the one that is blamed', async (t) => {
  const [one, two] = [await layout(t, custom), await layout(t, 'localhost/other:1')];
  const { source } = manifestSource(t, [imageFrom(custom, two, one)]);
  const image = await resolve(source, custom);
  await rm(path.join(one.slice(4), 'blobs'), { recursive: true });
  const error = await errorOf(t, 'E_IMAGE_MALFORMED', () => source.openBlob(image, image.config));
  t.true(error.message.startsWith(one), error.message);
});

test('what a lock names as the source of an image is asked first', async (t) => {
  const [one, two] = [await layout(t, custom), await layout(t, custom)];
  const { source } = manifestSource(t, [imageFrom(custom, one, two)]);
  const preferring = source.preferring([{ reference: custom, source: two }]);
  t.is((await resolve(preferring, custom)).source, two);
  t.is((await resolve(source, custom)).source, one);
});

test('a lock that names a registry leads to the registry of the chain', async (t) => {
  const host = await serve(t, new MemoryContent().image('ghcr/acme/tool', '2.1', sampleImage()));
  const reference = 'ghcr.io/acme/tool:2.1';
  const { source, notes } = manifestSource(t, [
    imageFrom(reference, 'oci:/nonexistent', `registry://${host}/ghcr`),
  ]);
  const preferring = source.preferring([{ reference, source: `registry://${host}` }]);
  t.is((await resolve(preferring, reference)).source, `registry://${host}`);
  t.deepEqual(notes(), []);
});

test('tags are asked of the registries of a chain; a folder keeps no list of them', async (t) => {
  const host = await serve(t, new MemoryContent().image('ghcr/acme/tool', '2.1', sampleImage()));
  const { source } = manifestSource(t, [
    imageFrom('ghcr.io/acme/tool:2.1', 'oci:/nonexistent', `registry://${host}/ghcr`),
    patternFrom('localhost/*', 'oci:/nonexistent'),
  ]);
  t.deepEqual(await source.listTags(parseReference('ghcr.io/acme/tool:2.1')), {
    tags: ['2.1'],
    source: `registry://${host}`,
  });
  t.deepEqual(await source.listTags(parseReference(custom)), {
    tags: undefined,
    source: 'oci:/nonexistent',
  });
});

test('an archive of docker save that is not there is told without the words of the system', async (t) => {
  const gone = 'docker-archive:/nonexistent.tar';
  const { source } = manifestSource(t, [imageFrom(custom, gone)]);
  const error = await errorOf(t, 'E_SOURCE_UNREACHABLE', () => resolve(source, custom));
  t.true(error.message.endsWith(`${gone}: no such file`), error.message);
});
