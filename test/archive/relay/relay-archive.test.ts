import { once } from 'node:events';
import { Readable } from 'node:stream';
import test from 'ava';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { relayArchive, type Relayed, type RelayOptions } from '../../../src/archive/relay/relay-archive.ts';
import { savedImages } from '../../../src/archive/save/saved-images.ts';
import { readSave } from '../../../src/archive/save/read-save.ts';
import { collect } from '../../../src/core/collect.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { hexOf } from '../../../src/core/digest.ts';
import { PackferryError, type ErrorCode } from '../../../src/core/errors.ts';
import type { LockedImage } from '../../../src/core/image.ts';
import { lockUnpacked } from '../../helpers/compose.ts';
import { docker24, docker25, podman } from '../../helpers/saves.ts';
import { tarOf, type TarMember } from '../../helpers/tar-file.ts';

const name = 'docker.io/demisto/sample:1.0';
const base = composeImage({ files: [{ path: 'base', content: noise('base', 3000) }] });
const composed = composeImage({ base, files: [{ path: 'top', content: noise('top', 1500) }] });
const image = lockUnpacked(name, composed);
const [bottom, top] = image.layers.map(({ diffId }) => diffId) as [Digest, Digest];
const file = (digest: Digest): string => `${hexOf(digest)}.tar`;
const config = `${hexOf(image.config.digest)}.json`;
const members = podman([{ name, image: composed }]);
const contentOf = (wanted: string): Buffer =>
  Buffer.from(members.find((member) => member.name === wanted)?.content ?? '');

interface Result {
  readonly bytes: Buffer;
  readonly relayed: Relayed | undefined;
}

async function relay(
  save: readonly TarMember[] | Buffer,
  options: Partial<Pick<RelayOptions, 'without' | 'heldAs' | 'pace'>> = {},
  of: LockedImage = image,
): Promise<Result> {
  const bytes = Buffer.isBuffer(save) ? save : tarOf(save);
  let relayed: Relayed | undefined;
  const out = relayArchive(of, {
    // Pieces that end anywhere.
    openSave: () => Readable.from(piecesOf(bytes, 700)) as AsyncIterable<Buffer>,
    name: 'the save',
    without: new Set(),
    heldAs: 'nothing',
    ...options,
    onRelayed: (so) => (relayed = so),
  });
  return { bytes: await collect(out, 1e7, 'the archive'), relayed };
}

function piecesOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
}

async function filesOf(bytes: Buffer): Promise<Awaited<ReturnType<typeof readSave>>> {
  return readSave(Readable.from([bytes]) as AsyncIterable<Buffer>, { name: 'relayed' });
}

for (const [dialect, of] of Object.entries({ docker24, docker25, podman })) {
  test(`the save of ${dialect}, members in any order, becomes an archive of the very image`, async (t) => {
    const save = of([{ name: 'docker.io/other/name:2', image: composed }]);
    for (const order of [save, [...save].reverse()]) {
      const { bytes, relayed } = await relay(order);
      const files = await filesOf(bytes);
      const [only, ...more] = savedImages(files).images;
      t.deepEqual(more, []);
      t.is(only?.config.digest, image.config.digest);
      // By the name that is asked for, and by no name of the save.
      t.deepEqual(only?.names, [name]);
      t.deepEqual(
        only?.layers.map(({ diffId }) => diffId),
        [bottom, top],
      );
      t.deepEqual([...files.files.keys()].slice(-2), [config, 'manifest.json'], 'the commit record is last');
      t.is(files.files.size, 4, 'nothing else goes along');
      t.is(relayed?.sent, contentOf(file(bottom)).length + contentOf(file(top)).length);
    }
  });
}

test('layers that are held are hashed, and stand there as empty files or not at all', async (t) => {
  const without = new Set([bottom]);
  const sizes = { sent: contentOf(file(top)).length, skipped: contentOf(file(bottom)).length };
  const stubs = await relay(members, { without, heldAs: 'empty file' });
  t.deepEqual(stubs.relayed, sizes);
  const { files } = await filesOf(stubs.bytes);
  t.deepEqual(
    [...files.values()].map(({ size }) => size),
    [0, sizes.sent, contentOf(config).length, files.get('manifest.json')?.size],
  );
  const nothing = await relay(members, { without });
  t.deepEqual(nothing.relayed, sizes);
  t.deepEqual([...(await filesOf(nothing.bytes)).files.keys()], ['layer-2.tar', config, 'manifest.json']);
});

test('a layer that the image has twice is sent once', async (t) => {
  const twice = composeImage({ base: composed, files: [{ path: 'base', content: noise('base', 3000) }] });
  const locked = lockUnpacked(name, twice);
  t.is(new Set(locked.layers.map(({ diffId }) => diffId)).size, 2);
  for (const of of [docker24, docker25, podman]) {
    const { bytes } = await relay(of([{ name, image: twice }]), {}, locked);
    const { files } = await filesOf(bytes);
    const record = files.get('manifest.json')?.bytes?.toString('utf8') ?? '';
    const [{ Layers: layers }] = JSON.parse(record) as [{ Layers: string[] }];
    t.is(layers.length, 3);
    t.is(layers[0], layers[2]);
    t.is(files.size, 4);
  }
});

const faulty = test.macro({
  async exec(
    t,
    save: readonly TarMember[] | Buffer,
    code: ErrorCode,
    words: string,
    options: Partial<Pick<RelayOptions, 'without'>> = {},
    of: LockedImage = image,
  ) {
    const bytes = Buffer.isBuffer(save) ? save : tarOf(save);
    const seen: Buffer[] = [];
    const out = relayArchive(of, {
      openSave: () => Readable.from(piecesOf(bytes, 700)) as AsyncIterable<Buffer>,
      name: 'the save',
      without: new Set(),
      heldAs: 'empty file',
      ...options,
    });
    out.on('data', (chunk: Buffer) => seen.push(chunk));
    const [error] = (await once(out, 'error')) as [unknown];
    t.true(error instanceof PackferryError, String(error));
    t.is((error as PackferryError).code, code);
    t.true((error as PackferryError).message.includes(words), (error as PackferryError).message);
    t.false(Buffer.concat(seen).includes('manifest.json'), 'no commit record was sent');
  },
  title: (trap) => trap ?? '',
});

const swapped = (wanted: string, content: Buffer): TarMember[] =>
  members.map((member) => (member.name === wanted ? { ...member, content } : member));
const lie = Buffer.from(contentOf(file(bottom)));
lie[600] = (lie[600] ?? 0) ^ 1;

test(
  'one bit of a layer is different',
  faulty,
  swapped(file(bottom), lie),
  'E_DIGEST_MISMATCH',
  file(bottom),
);
test(
  'one bit of a layer that is not sent is different',
  faulty,
  swapped(file(bottom), lie),
  'E_DIGEST_MISMATCH',
  file(bottom),
  { without: new Set([bottom]) },
);
test(
  'a layer lies, and all of the documents lie with it',
  faulty,
  podman([{ name, image: composeImage({ base, files: [{ path: 'top', content: 'evil' }] }) }]),
  'E_SOURCE_PROTOCOL',
  'saved another one',
);
test(
  'one bit of the config is different',
  faulty,
  swapped(config, Buffer.from('{}')),
  'E_DIGEST_MISMATCH',
  config,
);
test(
  'a layer is missing',
  faulty,
  members.filter((member) => member.name !== file(top)),
  'E_IMAGE_INCOMPLETE',
  top,
);
test(
  'the config is missing',
  faulty,
  members.filter((member) => member.name !== config),
  'E_SOURCE_PROTOCOL',
  image.config.digest,
);
const foreign = `${'a'.repeat(64)}/layer.tar`;
test(
  'a layer of no image comes in the way of old Docker',
  faulty,
  [{ name: foreign, content: noise('foreign', 2000) }, ...members],
  'E_DIGEST_MISMATCH',
  foreign,
);
test('the save is cut off', faulty, tarOf(members).subarray(0, 4000), 'E_ARCHIVE_MALFORMED', 'cut off');
test(
  'the save is cut off behind all layers',
  faulty,
  tarOf(members).subarray(0, -1024),
  'E_ARCHIVE_MALFORMED',
  'cut off',
);
test(
  'the engine breaks off and says why',
  faulty,
  Buffer.concat([tarOf(members).subarray(0, 4000), Buffer.from('{"message":"disk is gone"}\n')]),
  'E_IMAGE_INCOMPLETE',
  'disk is gone',
);
test(
  'a member that stands there twice',
  faulty,
  [...members, { name: file(top), content: lie }],
  'E_ARCHIVE_MALFORMED',
  'twice',
);
test(
  'the engine told of other layers than the image has',
  faulty,
  members,
  'E_SOURCE_PROTOCOL',
  'other layers',
  {},
  { ...image, layers: [...image.layers].reverse() },
);

test('what belongs to no layer is passed over, also when all layers have come', async (t) => {
  const { bytes } = await relay([
    { name: `${'b'.repeat(64)}.tar`, content: noise('more', 5000) },
    ...members,
    { name: foreign, content: noise('foreign', 2000) },
  ]);
  t.is((await filesOf(bytes)).files.size, 4);
});

test('the save is read no faster than the receiver takes it, and closed when it leaves', async (t) => {
  const large = composeImage({ files: [{ path: 'large', content: noise('large', 12_000_000) }] });
  const save = tarOf(podman([{ name, image: large }]));
  let read = 0;
  let closed: () => void = () => undefined;
  const whenClosed = new Promise<void>((resolve) => (closed = resolve));
  async function* pieces(): AsyncGenerator<Buffer> {
    try {
      for (const piece of piecesOf(save, 65_536)) {
        read += piece.length;
        yield await Promise.resolve(piece);
      }
    } finally {
      closed();
    }
  }
  const out = relayArchive(lockUnpacked(name, large), {
    openSave: pieces,
    name: 'the save',
    without: new Set(),
    heldAs: 'nothing',
  });
  out.on('error', () => undefined);
  await once(out, 'readable');
  for (let turn = 0; turn < 1000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.true(read < 3_000_000, `${read} bytes were read although nobody takes them`);
  out.destroy();
  await whenClosed;
  t.true(read < save.length);
});

test('a pace is asked for every byte that is sent, in pieces, and for none of what the receiver has', async (t) => {
  const asked: number[] = [];
  const take = (bytes: number): Promise<void> => Promise.resolve(void asked.push(bytes));
  const held = { without: new Set([bottom]), pace: { piece: 256, take } };
  const { bytes, relayed } = await relay(members, held);
  t.is(
    asked.reduce((sum, one) => sum + one, 0),
    bytes.length,
  );
  t.true(Math.max(...asked) <= 256);
  t.true((relayed?.skipped ?? 0) > 3000);
});

test('a relay that is given up while it may not send ends, and lets the save go', async (t) => {
  let isLetGo = false;
  const stop = new AbortController();
  const out = relayArchive(image, {
    openSave: (signal) => {
      signal.addEventListener('abort', () => (isLetGo = true));
      return Readable.from([tarOf(members)]) as AsyncIterable<Buffer>;
    },
    ...{ name: 'the save', without: new Set<Digest>(), heldAs: 'nothing', signal: stop.signal },
    pace: {
      piece: 256,
      take: (_, signal) => {
        setImmediate(() => stop.abort());
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('given up')));
        });
      },
    },
  });
  await t.throwsAsync(collect(out, 1e7, 'the archive'), { name: 'AbortError' });
  t.true(isLetGo);
});
