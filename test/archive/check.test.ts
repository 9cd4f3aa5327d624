import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { checkArchive, type ArchiveCheck, type CheckOptions } from '../../src/archive/check.ts';
import { emitArchive } from '../../src/archive/emit.ts';
import { planArchive, type PlannedEntry } from '../../src/archive/plan.ts';
import { blockSize, paddingOf } from '../../src/archive/tar-frame.ts';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import { blobBytes, opener, smallFamily } from '../helpers/compose.ts';

const { composed, images } = smallFamily();
const plan = planArchive(images, { commitRecord: 'first' });
const intact = await buffer(emitArchive(plan, { name: 'x', openBlob: opener(blobBytes(composed)) }));

function check(bytes: Buffer, pieceSize: number, options: CheckOptions = {}): Promise<ArchiveCheck> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceSize) }, (_, at) =>
    bytes.subarray(at * pieceSize, (at + 1) * pieceSize),
  );
  return checkArchive(Readable.from(pieces), plan, options);
}

function flipped(...places: number[]): Buffer {
  const bytes = Buffer.from(intact);
  for (const place of places) bytes.writeUInt8(bytes.readUInt8(place) ^ 0x10, place);
  return bytes;
}

function entryOf(name: string): PlannedEntry {
  const entry = plan.entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no entry ${name}`);
  return entry;
}

const blobs = plan.entries.flatMap((entry) => (entry.kind === 'blob' ? [entry] : []));
const layer = blobs.find(({ size }) => size > 2 * blockSize && paddingOf(size) > 0);
if (layer === undefined) throw new Error('the sample has no layer with padding');
const index = entryOf('index.json');

for (const pieceSize of [7, 512, 1000, 65536, intact.length]) {
  test(`an intact archive has no damage, read in pieces of ${pieceSize} bytes`, async (t) => {
    const result = await check(intact, pieceSize);
    t.deepEqual(result, { sha256: digestOf(intact).slice(7), size: plan.size, damage: [], lost: [] });
  });
}

const oneFlip = test.macro({
  async exec(t, place: number, kind: string, entry: string, digest?: Digest) {
    for (const pieceSize of [511, intact.length]) {
      const bytes = flipped(place);
      const { damage, lost, sha256, size } = await check(bytes, pieceSize);
      t.is(damage.length, 1);
      t.like(damage[0], { kind, entry, ...(digest === undefined ? {} : { digest }) });
      t.is(damage[0]?.digest, digest);
      t.true(damage[0] !== undefined && damage[0].offset <= place);
      t.deepEqual(
        lost.map(({ blob, why }) => `${why} ${blob.digest}`),
        digest === undefined ? [] : [`damaged ${digest}`],
      );
      t.is(sha256, digestOf(bytes).slice(7));
      t.is(size, plan.size);
    }
  },
  title: (what) => `a flipped bit is found ${what}`,
});
test('in the first byte of the archive', oneFlip, 0, 'header', 'oci-layout');
test('in the last byte of a header', oneFlip, layer.dataOffset - 1, 'header', layer.name);
test('in the first byte of a document', oneFlip, index.dataOffset, 'document', 'index.json');
test('in the last byte of a document', oneFlip, index.dataOffset + index.size - 1, 'document', 'index.json');
test('in the first byte of a blob', oneFlip, layer.dataOffset, 'blob', layer.name, layer.blob.digest);
const lastOfLayer = layer.dataOffset + layer.size - 1;
test('in the last byte of a blob', oneFlip, lastOfLayer, 'blob', layer.name, layer.blob.digest);
test('in the first byte of padding', oneFlip, lastOfLayer + 1, 'padding', layer.name);
test('in the last byte of padding', oneFlip, lastOfLayer + paddingOf(layer.size), 'padding', layer.name);
test('in the first byte of the end', oneFlip, plan.endOffset, 'end', 'end of archive');
test('in the last byte of the archive', oneFlip, plan.size - 1, 'end', 'end of archive');

test('all damage is found in one run, in the order of the archive', async (t) => {
  const places = blobs.flatMap(({ headerOffset, dataOffset }) => [headerOffset, dataOffset]);
  const { damage, lost } = await check(flipped(...places, plan.endOffset), 333);
  t.deepEqual(
    damage.map(({ kind, entry }) => `${kind} ${entry}`),
    [...blobs.flatMap(({ name }) => [`header ${name}`, `blob ${name}`]), 'end end of archive'],
  );
  t.deepEqual(
    lost,
    blobs.map(({ blob, dataOffset }) => ({ blob, offset: dataOffset, why: 'damaged' })),
  );
});

const cut = test.macro({
  async exec(t, length: number, entry: string, gone: number) {
    const { damage, lost, size } = await check(intact.subarray(0, length), 1000);
    t.deepEqual(damage, [{ kind: 'short', entry, offset: length }]);
    t.is(size, length);
    t.deepEqual(
      lost,
      blobs
        .slice(blobs.length - gone)
        .map(({ blob, dataOffset }) => ({ blob, offset: dataOffset, why: 'missing' })),
    );
  },
  title: (what) => `a cut archive loses what follows: ${what}`,
});
const at = blobs.indexOf(layer);
test('nothing left', cut, 0, 'oci-layout', blobs.length);
test('cut in a header', cut, layer.headerOffset + 1, layer.name, blobs.length - at);
test('cut in a blob', cut, lastOfLayer, layer.name, blobs.length - at);
test('cut behind a blob', cut, lastOfLayer + 1, layer.name, blobs.length - at - 1);
test('cut before the end', cut, plan.endOffset, 'end of archive', 0);
test('cut by one byte', cut, plan.size - 1, 'end of archive', 0);

for (const surplus of [1, 512, 5000]) {
  test(`${surplus} surplus bytes are found once, and are part of the sum`, async (t) => {
    const bytes = Buffer.concat([intact, Buffer.alloc(surplus)]);
    const { damage, lost, size, sha256 } = await check(bytes, 100);
    t.deepEqual(damage, [{ kind: 'surplus', entry: 'end of archive', offset: plan.size }]);
    t.deepEqual(lost, []);
    t.is(size, bytes.length);
    t.is(sha256, digestOf(bytes).slice(7));
  });
}

test('bytes are counted as they are read', async (t) => {
  const counts: number[] = [];
  await check(intact, 4096, { onBytes: (bytes) => void counts.push(bytes) });
  t.is(counts[0], 4096);
  t.is(counts.at(-1), intact.length);
});

test('an abort ends the check', async (t) => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const onBytes = (): void => controller.abort(reason);
  const thrown = await t.throwsAsync(check(intact, 512, { onBytes, signal: controller.signal }));
  t.is(thrown, reason);
});

test('a fault of the disk is no damage: it is thrown', async (t) => {
  const broken = new Error('EIO');
  const chunks = Readable.from(
    (function* () {
      yield intact.subarray(0, 512);
      throw broken;
    })(),
  );
  t.is(await t.throwsAsync(checkArchive(chunks, plan)), broken);
});

test('the sum is taken by whoever is given for it: of all bytes, and of none behind a gap', async (t) => {
  const got: Buffer[] = [];
  let asked = 0;
  const whole = {
    update: async (bytes: Buffer): Promise<void> => {
      await Promise.resolve();
      got.push(bytes);
    },
    digest: () => {
      asked += 1;
      return Promise.resolve('the sum');
    },
  };
  t.deepEqual(await check(intact, 4096, { whole }), {
    sha256: 'the sum',
    size: plan.size,
    damage: [],
    lost: [],
  });
  t.deepEqual(Buffer.concat(got), intact);
  got.length = 0;
  const chunks = [intact.subarray(0, 512), { gap: 512 }, intact.subarray(1024)];
  const { sha256, size } = await checkArchive(Readable.from(chunks), plan, { whole });
  t.is(sha256, undefined);
  t.is(size, plan.size);
  t.deepEqual(got, chunks.slice(0, 1));
  t.is(asked, 1);
  const broken = new Error('the thread is gone');
  const breaking = { ...whole, update: () => Promise.reject(broken) };
  t.is(await t.throwsAsync(check(intact, 4096, { whole: breaking })), broken);
});
