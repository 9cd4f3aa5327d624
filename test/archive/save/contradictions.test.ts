import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { openDockerArchive } from '../../../src/archive/docker-archive.ts';
import { hexOf, type Digest } from '../../../src/core/digest.ts';
import { PackferryError, type ErrorCode } from '../../../src/core/errors.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { tempDir } from '../../helpers/compose.ts';
import {
  blobEntry,
  containerd,
  crane,
  docker24,
  docker25,
  indexEntry,
  json,
  podman,
  regctl,
} from '../../helpers/saves.ts';
import { tarOf, type TarMember } from '../../helpers/tar-file.ts';

const name = 'docker.io/demisto/sample:1.0';
const base = composeImage({ files: [{ path: 'base', content: noise('base', 3000) }] });
const good = composeImage({ base, files: [{ path: 'good', content: noise('good', 1000) }] });
const evil = composeImage({ files: [{ path: 'evil', content: noise('evil', 1000) }] });
const named = [{ name, image: good }];
const both = [
  { name, image: good },
  { name: 'docker.io/demisto/evil:1.0', image: evil },
];

/** Opens an archive and asks for the image. */
async function resolve(t: ExecutionContext, bytes: Buffer, reference = name): Promise<string> {
  const dir = await tempDir(t);
  const file = path.join(dir, 'save.tar');
  await writeFile(file, bytes);
  const spoolDir = path.join(dir, 'spool');
  try {
    const source = await openDockerArchive(file, { spoolDir });
    try {
      return (await source.resolve(parseReference(reference), defaultPlatform)).config.digest;
    } finally {
      await source.close();
    }
  } finally {
    const files = await readdir(spoolDir, { recursive: true });
    t.deepEqual(
      files.filter((left) => left.endsWith('.part')),
      [],
    );
    t.true((await readFile(file)).equals(bytes));
  }
}

const fails = test.macro({
  async exec(t, members: readonly TarMember[] | Buffer, code: ErrorCode, words?: string) {
    const bytes = Buffer.isBuffer(members) ? members : tarOf(members);
    const error = await t.throwsAsync(resolve(t, bytes), { instanceOf: PackferryError });
    t.is(error.code, code, error.message);
    t.true(error.message.includes(words ?? ''), error.message);
  },
  title: (trap) => trap ?? '',
});

const replaced = (members: readonly TarMember[], file: string, content: unknown): TarMember[] =>
  members.map((member) => (member.name === file ? json(file, content) : member));
const without = (members: readonly TarMember[], file: string): TarMember[] =>
  members.filter((member) => member.name !== file);
const blobName = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;
const changed = (members: readonly TarMember[], file: string): TarMember[] =>
  members.map((member) => {
    if (member.name !== file) return member;
    const bytes = Buffer.from(member.content ?? '');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return { ...member, content: bytes };
  });

test('the samples are fine as they are', async (t) => {
  for (const write of [containerd, crane, docker24, docker25, podman, regctl]) {
    t.is(await resolve(t, tarOf(write(both))), good.config.descriptor.digest);
  }
});

const twoMeanings = [indexEntry(evil.manifest.descriptor, name, '1.0')];
const hybrid = replaced(regctl(both), 'index.json', { schemaVersion: 2, manifests: twoMeanings });
test(
  'manifest.json and index.json mean different images by one name',
  fails,
  hybrid,
  'E_ARCHIVE_MALFORMED',
  'index.json',
);
test(
  'one name twice in index.json',
  fails,
  replaced(regctl(both), 'index.json', {
    schemaVersion: 2,
    manifests: [indexEntry(good.manifest.descriptor, name, '1.0'), ...twoMeanings],
  }),
  'E_ARCHIVE_MALFORMED',
  'stands for',
);
test(
  'one name twice in manifest.json',
  fails,
  replaced(regctl(both), 'manifest.json', [
    blobEntry({ name, image: good }),
    blobEntry({ name, image: evil }),
  ]),
  'E_ARCHIVE_MALFORMED',
);
test(
  'Config and config in manifest.json: Go reads the second, JavaScript the first',
  fails,
  replaced(crane(named), 'manifest.json', [{ Config: 'a', config: 'b', Layers: [] }]),
  'E_JSON_INVALID',
);
test(
  'a second document behind manifest.json',
  fails,
  crane(named).map((member) =>
    member.name === 'manifest.json' ? { ...member, content: `${String(member.content)}[]` } : member,
  ),
  'E_JSON_INVALID',
);
test(
  'a config under the name of another',
  fails,
  swapped(podman(both), config('json', good), config('json', evil)),
  'E_DIGEST_MISMATCH',
);
test(
  "crane's config under the name of another",
  fails,
  swapped(crane(both), good.config.descriptor.digest, evil.config.descriptor.digest),
  'E_DIGEST_MISMATCH',
);
test(
  'a blob under the name of another',
  fails,
  swapped(
    regctl(both),
    blobName(good.layers[0]?.descriptor.digest ?? base.config.descriptor.digest),
    blobName(evil.layers[0]?.descriptor.digest ?? base.config.descriptor.digest),
  ),
  'E_DIGEST_MISMATCH',
);
test(
  'one changed byte in a compressed layer',
  fails,
  changed(regctl(named), blobName(good.layers[0]?.descriptor.digest ?? good.config.descriptor.digest)),
  'E_DIGEST_MISMATCH',
);
test(
  'one changed byte in an uncompressed layer of Podman',
  fails,
  changed(podman(named), `${hexOf(good.layers[0]?.diffId ?? good.config.descriptor.digest)}.tar`),
  'E_DIGEST_MISMATCH',
);
test(
  'one changed byte in an uncompressed layer of Docker before 25',
  fails,
  changed(docker24(named), docker24(named)[3]?.name ?? ''),
  'E_DIGEST_MISMATCH',
  'layer',
);
test(
  'one changed byte in the config of Docker before 25',
  fails,
  changed(docker24(named), config('json', good)),
  'E_DIGEST_MISMATCH',
);

function config(ending: string, { config: { descriptor } }: typeof good): string {
  return `${hexOf(descriptor.digest)}.${ending}`;
}

function swapped(members: readonly TarMember[], one: string, other: string): TarMember[] {
  const contentOf = (file: string): TarMember['content'] =>
    members.find((member) => member.name === file)?.content ?? '';
  return members.map((member) => {
    if (member.name === one) return { ...member, content: contentOf(other) ?? '' };
    return member.name === other ? { ...member, content: contentOf(one) ?? '' } : member;
  });
}

const entry = { Config: 'c.json', RepoTags: ['demisto/sample:1.0'], Layers: ['l.tar.gz'] };
const [layer] = evil.layers;
const evilConfig = { name: 'c.json', content: evil.config.bytes };
const own = (layerContent: Buffer): TarMember[] => [
  evilConfig,
  { name: 'l.tar.gz', content: layerContent },
  json('manifest.json', [entry]),
];
test(
  'a compressed layer with other content than the config says',
  fails,
  own(gzipSync('other')),
  'E_DIGEST_MISMATCH',
  'l.tar.gz',
);
test(
  'a layer that does not decompress',
  fails,
  own(Buffer.concat([gzipSync('x'), Buffer.from([0x1f, 0x8b, 8, 0])]).subarray(0, 20)),
  'E_ARCHIVE_MALFORMED',
  'decompressed',
);
test(
  'a truncated gzip layer',
  fails,
  own(layer?.bytes.subarray(0, 500) ?? Buffer.alloc(0)),
  'E_ARCHIVE_MALFORMED',
  'decompressed',
);
test(
  'a gzip layer with zeros behind it, and more behind these, which Node passes over and Docker refuses',
  fails,
  own(Buffer.concat([layer?.bytes ?? Buffer.alloc(0), Buffer.alloc(10), gzipSync('x')])),
  'E_ARCHIVE_MALFORMED',
  'decompressed',
);
test('a layer that decompresses to far too much', fails, own(bomb()), 'E_ARCHIVE_MALFORMED', 'decompressed');

/** 1.2 GB of zeros in some 1.2 MB. */
function bomb(): Buffer {
  const member = gzipSync(Buffer.alloc(100 * 1024 * 1024));
  return Buffer.concat(Array.from({ length: 12 }, () => member));
}

test(
  'a config that is no JSON',
  fails,
  replaced(own(layer?.bytes ?? Buffer.alloc(0)), 'c.json', 7),
  'E_IMAGE_MALFORMED',
);
test(
  'fewer layers than the config has',
  fails,
  replaced(crane(named), 'manifest.json', [{ ...entry, Config: good.config.descriptor.digest, Layers: [] }]),
  'E_ARCHIVE_MALFORMED',
  'layers',
);
test(
  'a layer outside the archive',
  fails,
  replaced(own(layer?.bytes ?? Buffer.alloc(0)), 'manifest.json', [
    { ...entry, Layers: ['../../etc/passwd'] },
  ]),
  'E_ARCHIVE_MALFORMED',
  '".."',
);
test(
  'a name that is none',
  fails,
  replaced(own(layer?.bytes ?? Buffer.alloc(0)), 'manifest.json', [{ ...entry, RepoTags: ['-v /:/host'] }]),
  'E_ARCHIVE_MALFORMED',
  'no image name',
);
const configName = good.config.descriptor.digest;
test('a config that is missing', fails, without(crane(named), configName), 'E_IMAGE_INCOMPLETE', configName);
const bare = containerd(named).filter(
  ({ name: file }) => !good.layers.some(({ descriptor }) => file === blobName(descriptor.digest)),
);
const noConfig = without(bare, blobName(configName));
test('the containerd store kept the manifest only', fails, noConfig, 'E_IMAGE_INCOMPLETE', '3 of its blobs');
test(
  'the manifest only, without manifest.json',
  fails,
  without(noConfig, 'manifest.json'),
  'E_IMAGE_INCOMPLETE',
  '3 of its blobs',
);
test(
  'a missing config in manifest.json, and another image by the same name in index.json',
  fails,
  without(hybrid, blobName(configName)),
  'E_ARCHIVE_MALFORMED',
  'index.json',
);
test(
  'no image archive',
  fails,
  [{ name: 'readme', content: 'x' }],
  'E_ARCHIVE_MALFORMED',
  'no manifest.json',
);
test('no tar', fails, Buffer.from('<html>'.repeat(200)), 'E_ARCHIVE_MALFORMED');
test('gzip around no tar', fails, gzipSync('<html>'.repeat(200)), 'E_ARCHIVE_MALFORMED');
test(
  'a truncated gzip around a save',
  fails,
  gzipSync(tarOf(crane(named))).subarray(0, 2000),
  'E_ARCHIVE_MALFORMED',
  'decompressed',
);
test(
  'zstd around a save is told as such',
  fails,
  Buffer.from('28b52ffd00000000', 'hex'),
  'E_ARCHIVE_MALFORMED',
  'zstd',
);

const gap = blobName(good.layers[1]?.descriptor.digest ?? good.config.descriptor.digest);
test(
  'blobs that the containerd store left out are named',
  fails,
  without(containerd(named), gap),
  'E_IMAGE_INCOMPLETE',
  gap,
);
test(
  'and the same without manifest.json',
  fails,
  without(without(containerd(named), gap), 'manifest.json'),
  'E_IMAGE_INCOMPLETE',
  gap,
);
test(
  'layers that are missing in any dialect',
  fails,
  without(podman(named), `${hexOf(good.layers[1]?.diffId ?? good.config.descriptor.digest)}.tar`),
  'E_IMAGE_INCOMPLETE',
  '1 of its blobs',
);
test('five thousand names that all lead to one large config and one large manifest, which are read once', async (t) => {
  const env = Array.from({ length: 40_000 }, (_, at) => `VARIABLE_${at}=value`);
  const image = composeImage({ base, config: { env }, files: [] });
  const large = docker25([{ name, image }], (manifest) => ({
    ...manifest,
    annotations: { env: env.join() },
  }));
  const many = (file: string, change: (entry: object, tag: string) => object): TarMember[] => {
    const [member] = large.filter((one) => one.name === file);
    const document = JSON.parse(String(member?.content)) as object[] | { manifests: object[] };
    const [entry = {}] = Array.isArray(document) ? document : document.manifests;
    const entries = Array.from({ length: 5000 }, (_, at) => change(entry, `demisto/sample:${at}`));
    return [json(file, Array.isArray(document) ? entries : { ...document, manifests: entries })];
  };
  const members = [
    ...without(without(large, 'manifest.json'), 'index.json'),
    ...many('manifest.json', (entry, tag) => ({ ...entry, RepoTags: [tag] })),
    ...many('index.json', (entry, tag) => ({
      ...entry,
      annotations: { 'io.containerd.image.name': `docker.io/${tag}` },
    })),
  ];
  const digest = await resolve(t, tarOf(members), 'demisto/sample:4999');
  t.is(digest, image.config.descriptor.digest);
});

test('an image with gaps does not spoil the others', async (t) => {
  const members = without(containerd(both), gap);
  t.is(await resolve(t, tarOf(members), 'demisto/evil:1.0'), evil.config.descriptor.digest);
});

test('another name is not there, and the names that are get listed', async (t) => {
  const error = await t.throwsAsync(resolve(t, tarOf(docker24(both)), 'demisto/other:1'), {
    instanceOf: PackferryError,
    code: 'E_IMAGE_NOT_FOUND',
  });
  t.true(error.hint?.includes(name), error.hint);
});

test('a name with a digest that the save does not keep', async (t) => {
  const pinned = `${name}@${good.manifest.descriptor.digest}`;
  t.is(await resolve(t, tarOf(regctl(both)), pinned), good.config.descriptor.digest);
  const error = await t.throwsAsync(resolve(t, tarOf(docker24(both)), pinned), {
    instanceOf: PackferryError,
    code: 'E_IMAGE_NOT_FOUND',
  });
  t.true(error.hint?.includes('digest'), error.hint);
});

const words = '{"message":"content digest sha256:abc: not found"}\n';
const cut = tarOf(docker25(named));
for (const [where, at] of [
  ['in a layer', 6000],
  ['in a header', 700],
  ['between two members', 1024],
] as const) {
  test(
    `an engine that failed ${where} and said so at the end`,
    fails,
    Buffer.concat([cut.subarray(0, at), Buffer.from(words)]),
    'E_IMAGE_INCOMPLETE',
    'content digest sha256:abc: not found',
  );
}
test(
  'an engine that failed behind the end of the archive',
  fails,
  Buffer.concat([cut, Buffer.from(words)]),
  'E_IMAGE_INCOMPLETE',
  'not found',
);
test(
  "Podman's words",
  fails,
  Buffer.concat([
    cut.subarray(0, 5000),
    Buffer.from('{"cause":"x","message":"disk \\u001b[31m full","response":500}'),
  ]),
  'E_IMAGE_INCOMPLETE',
  'disk [31m full',
);
