import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { noise } from '../../../bin/demo/sample-images.ts';
import { gzipBlocks } from '../../../src/archive/save/gzip-blocks.ts';
import { runTool, tempDir } from '../../helpers/compose.ts';

const mib = 1024 * 1024;

async function compress(content: Buffer, pieceSize: number): Promise<Buffer> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < content.length; at += pieceSize) {
      yield await Promise.resolve(content.subarray(at, at + pieceSize));
    }
  }
  const chunks: Buffer[] = [];
  for await (const chunk of gzipBlocks(pieces())) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const mixed = Buffer.concat([
  noise('a', mib),
  Buffer.from('the same words again '.repeat(120_000)),
  noise('a', 40_000),
]);

for (const size of [0, 1, 1000, mib - 1, mib, mib + 1, mixed.length]) {
  test(`${size} bytes come back, and give the same bytes however they arrive`, async (t) => {
    const content = mixed.subarray(0, size);
    const [first, second] = [await compress(content, 64 * 1024), await compress(content, 999_983)];
    t.true(gunzipSync(first).equals(content));
    t.true(first.equals(second));
    t.deepEqual([...first.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], 'no time, no name');
  });
}

test('what repeats across the blocks is found', async (t) => {
  const half = noise('window', 16 * 1024);
  const content = Buffer.concat([noise('start', mib - half.length), half, half]);
  const bytes = await compress(content, 100_000);
  t.true(bytes.length < mib + 4096, String(bytes.length));
});

test('gzip itself finds nothing to complain about', async (t) => {
  const file = path.join(await tempDir(t), 'layer.gz');
  await writeFile(file, await compress(mixed, 100_000));
  const said = await runTool(t, 'gzip', ['--test', '--verbose', file]);
  t.not(said, 'not tested');
});

test('a fault of the content comes through, and leaving early is no fault', async (t) => {
  async function* broken(): AsyncGenerator<Buffer> {
    for (let at = 0; at < 5; at += 1) yield await Promise.resolve(Buffer.alloc(mib));
    throw new Error('the disk is gone');
  }
  await t.throwsAsync(
    async () => {
      for await (const chunk of gzipBlocks(broken())) t.true(chunk.length > 0);
    },
    { message: 'the disk is gone' },
  );
  for await (const chunk of gzipBlocks(broken())) {
    t.is(chunk.length, 10);
    break;
  }
});
