import { Readable } from 'node:stream';
import test from 'ava';
import { eachChunk } from '../../src/core/each-chunk.ts';

const parts = ['one', 'two', 'three'].map((text) => Buffer.from(text));

test('every chunk comes in order, none while the one before is waited for, and the last is waited for', async (t) => {
  const taken: string[] = [];
  let isBusy = false;
  await eachChunk(Readable.from(parts), (chunk) => {
    t.false(isBusy);
    isBusy = true;
    return new Promise((resolve) => {
      setImmediate(() => {
        isBusy = false;
        taken.push(String(chunk));
        resolve();
      });
    });
  });
  t.deepEqual(taken, ['one', 'two', 'three']);
});

for (const [how, take] of [
  [
    'thrown',
    () => {
      throw new Error('full');
    },
  ],
  ['rejected', () => Promise.reject(new Error('full'))],
] as const) {
  test(`a fault of the taker ends it and destroys the stream: ${how}`, async (t) => {
    const stream = Readable.from(parts);
    await t.throwsAsync(eachChunk(stream, take), { message: 'full' });
    t.true(stream.destroyed);
  });
}

test('a fault of the stream is thrown, also of one that was destroyed before', async (t) => {
  const broken = new Readable({ read: () => undefined });
  broken.on('error', () => undefined);
  broken.destroy(new Error('cut'));
  await t.throwsAsync(
    eachChunk(broken, () => undefined),
    { message: 'cut' },
  );
});
