import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { noise } from '../../bin/demo/sample-images.ts';
import { crewFor, HashCrew } from '../../src/bundle/hash-crew.ts';
import { digestOf } from '../../src/core/digest.ts';

const mib = 1024 * 1024;

interface Sample {
  readonly name: string;
  readonly content: Buffer;
  readonly blob: { readonly digest: `sha256:${string}`; readonly size: number };
}

function sample(name: string, size: number): Sample {
  const content = noise(name, size);
  return { name, content, blob: { digest: digestOf(content), size } };
}

/** Gives the content in pieces, as a file does, and writes down that it was read. */
function stream({ name, content }: Sample, reads: string[] = []): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < content.length; at += mib) {
        reads.push(name);
        yield Buffer.from(content.subarray(at, at + mib));
      }
    })(),
  );
}

async function withCrew<T>(threads: number, use: (crew: HashCrew) => Promise<T>): Promise<T> {
  const crew = new HashCrew(threads);
  return use(crew).finally(() => crew.close());
}

test('several streams are hashed side by side, of whatever length', async (t) => {
  await withCrew(2, async (crew) => {
    const samples = [sample('long', 12 * mib + 7), sample('short', 5)];
    await Promise.all(samples.map((one) => crew.verify(stream(one), one.blob, { name: one.name })));
    const read: number[] = [];
    const none = sample('none', 0);
    await crew.verify(stream(none), none.blob, { name: 'none', onBytes: (bytes) => read.push(bytes) });
    const next = sample('next', 3 * mib);
    await crew.verify(stream(next), next.blob, { name: 'next', onBytes: (bytes) => read.push(bytes) });
    t.deepEqual(read, [mib, 2 * mib, 3 * mib]);
  });
});

test('wrong content, and too little or too much of it, is found out; the thread goes on to the next', async (t) => {
  await withCrew(1, async (crew) => {
    const good = sample('good', 2 * mib);
    const other = sample('other', 2 * mib);
    const verify = (content: Sample, size = good.blob.size): Promise<void> =>
      crew.verify(stream(content), { ...good.blob, size }, { name: 'layer x' });
    const wrong = await t.throwsAsync(verify(other), { code: 'E_DIGEST_MISMATCH' });
    t.regex(wrong.message, /^layer x: expected sha256:/);
    await t.throwsAsync(verify(good, good.blob.size + 1), { code: 'E_SIZE_MISMATCH' });
    await t.throwsAsync(verify(good, 10), { code: 'E_SIZE_MISMATCH' });
    const broken = new PassThrough();
    const breaking = crew.verify(broken, good.blob, { name: 'layer x' });
    broken.write(good.content.subarray(0, 100));
    broken.destroy(new Error('the medium is gone'));
    await t.throwsAsync(breaking, { message: /the medium is gone/ });
    await t.notThrowsAsync(verify(good));
  });
});

test('a medium that is slower than a processor is read from front to back, not here and there', async (t) => {
  await withCrew(2, async (crew) => {
    const [first, second] = [sample('first', 2 * mib), sample('second', 2 * mib)];
    const slow = new PassThrough();
    const reads: string[] = [];
    const both = [
      crew.verify(slow, first.blob, { name: 'first' }),
      crew.verify(stream(second, reads), second.blob, { name: 'second' }),
    ];
    slow.write(Buffer.from(first.content.subarray(0, mib)));
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    t.deepEqual(reads, [], 'the medium has not given all of the first one');
    slow.end(Buffer.from(first.content.subarray(mib)));
    await Promise.all(both);
    t.is(reads.length, 2);
  });
});

test('threads are started where they are of use', async (t) => {
  t.is(crewFor([{ size: 100 * mib }], 1), undefined);
  t.is(crewFor([{ size: mib }, { size: mib }], 8), undefined);
  for (const [layers, processors, threads] of [
    [1, 8, 1],
    [3, 2, 2],
    [9, 64, 4],
  ] as const) {
    const blobs = Array.from({ length: layers }, () => ({ size: 20 * mib }));
    const crew = crewFor(blobs, processors);
    t.is(crew?.members, threads);
    await crew?.close();
  }
});
