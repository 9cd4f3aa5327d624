import { once } from 'node:events';
import { Readable } from 'node:stream';
import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { verified } from '../../src/core/verify-stream.ts';

const content = Buffer.from(Array.from({ length: 5000 }, (_, at) => at % 251));
const expected = { digest: digestOf(content), size: content.length };

function inPieces(bytes: Buffer, size: number): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  return Readable.from(pieces, { objectMode: false });
}

/** What comes through, and the fault at the end. */
async function read(stream: Readable): Promise<{ bytes: Buffer; fault: unknown }> {
  const chunks: Buffer[] = [];
  let fault: unknown;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (thrown) {
    fault = thrown;
  }
  return { bytes: Buffer.concat(chunks), fault };
}

for (const size of [1, 7, 1024, content.length]) {
  test(`right content passes unchanged, in pieces of ${size} bytes`, async (t) => {
    const counts: number[] = [];
    const onBytes = (bytes: number): void => void counts.push(bytes);
    const stream = verified(inPieces(content, size), expected, { name: 'blob', onBytes });
    const { bytes, fault } = await read(stream);
    t.is(fault, undefined);
    t.deepEqual(bytes, content);
    t.is(counts.length, Math.ceil(content.length / size));
    t.is(counts.at(-1), content.length);
  });
}

const wrong = test.macro({
  async exec(t, bytes: Buffer, code: string) {
    for (const size of [1, 1000, content.length + 1]) {
      const source = inPieces(bytes, size);
      const { fault, bytes: passed } = await read(verified(source, expected, { name: 'image x: blob y' }));
      t.like(fault, { code });
      t.true((fault as Error).message.startsWith('image x: blob y: '));
      t.true(passed.length <= content.length);
      t.true(source.destroyed);
    }
  },
  title: (what, _bytes, code: string) => `${code} for content that is ${what}`,
});
test('empty', wrong, Buffer.alloc(0), 'E_SIZE_MISMATCH');
test('one byte short', wrong, content.subarray(1), 'E_SIZE_MISMATCH');
test('one byte long', wrong, Buffer.concat([content, Buffer.alloc(1)]), 'E_SIZE_MISMATCH');
test(
  'other than expected',
  wrong,
  Buffer.concat([content.subarray(1), Buffer.alloc(1)]),
  'E_DIGEST_MISMATCH',
);

test('empty content passes when it is expected', async (t) => {
  const stream = verified(Readable.from([]), { digest: digestOf(''), size: 0 }, { name: 'x' });
  t.is((await read(stream)).fault, undefined);
});

test('a source without end is cut off at the first surplus byte', async (t) => {
  let given = 0;
  const endless = new Readable({
    read() {
      given += 1000;
      this.push(Buffer.alloc(1000));
    },
  });
  const { fault } = await read(verified(endless, expected, { name: 'x' }));
  t.like(fault, { code: 'E_SIZE_MISMATCH' });
  t.true(endless.destroyed);
  t.true(given < 1_000_000);
});

test('the fault of the source comes through', async (t) => {
  const broken = new Error('connection lost');
  const source = new Readable({
    read() {
      this.destroy(broken);
    },
  });
  t.is((await read(verified(source, expected, { name: 'x' }))).fault, broken);
});

test('a reader that leaves closes the source', async (t) => {
  const source = new Readable({ read: () => undefined });
  const stream = verified(source, expected, { name: 'x' });
  stream.destroy();
  if (!source.closed) await once(source, 'close').catch(() => undefined);
  t.true(source.destroyed);
});

test('an error for wrong content says what to do', async (t) => {
  const flipped = Buffer.from(content);
  flipped[7] = 255 - (flipped[7] ?? 0);
  for (const wrong of [flipped, content.subarray(1), Buffer.concat([content, content])]) {
    const { fault } = await read(verified(inPieces(wrong, 1024), expected, { name: 'blob' }));
    t.true(fault instanceof PackferryError && fault.hint !== undefined);
  }
});
