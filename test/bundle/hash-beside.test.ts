import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { noise } from '../../bin/demo/sample-images.ts';
import { checkArchive, type Gap } from '../../src/archive/check.ts';
import { emitArchive } from '../../src/archive/emit.ts';
import { planArchive } from '../../src/archive/plan.ts';
import { HashBeside, hashBesideFor } from '../../src/bundle/hash-beside.ts';
import { digestOf } from '../../src/core/digest.ts';
import { blobBytes, opener, smallFamily } from '../helpers/compose.ts';

const mib = 1024 * 1024;
const { composed, images } = smallFamily();
const plan = planArchive(images, { commitRecord: 'first' });
const intact = await buffer(emitArchive(plan, { name: 'x', openBlob: opener(blobBytes(composed)) }));
const half = Math.floor(intact.length / 2);
const gap: Gap = { gap: 600 };

async function withHashes(use: (hashes: HashBeside) => Promise<void>): Promise<void> {
  const hashes = new HashBeside();
  await use(hashes).finally(() => hashes.close());
}

test('archives get their sums one after the other, of whatever pieces, and the bytes stay as they were', async (t) => {
  await withHashes(async (hashes) => {
    // More than may wait, so that memory is used again.
    for (const [name, size, piece] of [
      ['long', 30 * mib + 7, mib],
      ['odd', 3 * mib, 999_983],
      ['small', 5000, 7],
      ['none', 0, 1],
    ] as const) {
      const content = noise(name, size);
      const sum = hashes.archive();
      for (let at = 0; at < size; at += piece) {
        const bytes = Buffer.from(content.subarray(at, at + piece));
        await sum.update(bytes);
        t.is(bytes.length, Math.min(piece, size - at));
        // The thread has its own.
        bytes.fill(0);
      }
      t.is(`sha256:${await sum.digest()}`, digestOf(content), name);
    }
  });
});

test('what waits for the thread is bounded: whoever reads faster waits too', async (t) => {
  await withHashes(async (hashes) => {
    const sum = hashes.archive();
    let taken = 0;
    const content = noise('fast', 10 * mib);
    const all = (async () => {
      for (; taken < 10; taken += 1) await sum.update(content.subarray(taken * mib, (taken + 1) * mib));
    })();
    // Only turns of the event loop bring answers of the thread; these are none.
    for (let at = 0; at < 1000; at += 1) await Promise.resolve();
    t.is(taken, 8);
    await all;
    t.is(`sha256:${await sum.digest()}`, digestOf(content));
  });
});

test('whoever waits for a thread that has ended is told, and so is whoever comes later', async (t) => {
  const hashes = new HashBeside();
  hashes.throwIfEnded();
  const sum = hashes.archive();
  const waiting = t.throwsAsync(Promise.resolve(sum.update(Buffer.alloc(9 * mib))), { message: /ended/ });
  await hashes.close();
  await waiting;
  t.throws(() => hashes.throwIfEnded(), { message: /ended/ });
  await t.throwsAsync(Promise.resolve(sum.digest()), { message: /ended/ });
});

test('a thread is started where it is of use', async (t) => {
  t.is(hashBesideFor(100 * mib, 1), undefined);
  t.is(hashBesideFor(63 * mib, 8), undefined);
  const hashes = hashBesideFor(64 * mib, 2);
  t.true(hashes instanceof HashBeside);
  await hashes?.close();
});

for (const [what, chunks] of [
  ['an intact archive', [intact]],
  ['one in small pieces', [intact.subarray(0, half), intact.subarray(half)]],
  ['a damaged one', [intact.subarray(0, half), Buffer.alloc(100, 1), intact.subarray(half + 100)]],
  ['one that is cut', [intact.subarray(0, half)]],
  ['an empty one', []],
  ['one that goes on', [intact, Buffer.from('more')]],
  ['one with a place that cannot be read', [intact.subarray(0, half), gap, intact.subarray(half + gap.gap)]],
  ['one that cannot be read at all', [{ gap: intact.length }]],
] as const) {
  test(`a thread for the sum changes nothing of what is found: ${what}`, async (t) => {
    await withHashes(async (hashes) => {
      const alone = await checkArchive(Readable.from(chunks), plan);
      const whole = hashes.archive();
      t.deepEqual(await checkArchive(Readable.from(chunks), plan, { whole }), alone);
      t.is(
        alone.sha256 === undefined,
        chunks.some((chunk) => 'gap' in chunk),
      );
    });
  });
}
