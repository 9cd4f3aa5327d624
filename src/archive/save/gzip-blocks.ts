import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';

const deflate = promisify(deflateRaw);

/**
 * 1 to 9. Measured on 43 MB of Python files, one core: level 1 compresses to 33.7 % in 0.37 s, 4 to 31.1 % in 0.49 s,
 * 5 to 30.3 % in 0.65 s, 6 (zlib's default) to 30.0 % in 0.85 s, 9 to 29.8 % in 3.1 s.
 */
const level = 5;

const blockSize = 1024 * 1024;
/** How far back deflate may look (RFC 1951). */
const windowSize = 32 * 1024;

/** RFC 1952: deflate, no flags, time 0, no extra flags, unknown system. */
const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
/** The last deflate block, empty. */
const lastBlock = Buffer.from([0x03, 0x00]);

/**
 * Compresses with gzip on all cores: the content is cut into blocks of 1 MiB, each compressed with the 32 KiB before it
 * as dictionary and ended on a byte boundary; joined they are one gzip member. The same content gives the same bytes,
 * however it arrives and however many cores there are, as long as zlib is the same. Memory: some 2 MiB for each core.
 */
export async function* gzipBlocks(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const most = availableParallelism() + 1;
  const underWay: Promise<Buffer>[] = [];
  let sum = 0;
  let size = 0;
  let dictionary: Buffer | undefined;
  yield gzipHeader;
  try {
    for await (const block of blocksOf(content)) {
      sum = crc32(block, sum);
      size += block.length;
      const finished = compress(block, dictionary);
      // Whoever leaves early does not wait for it.
      finished.catch(() => undefined);
      underWay.push(finished);
      dictionary = block.subarray(-windowSize);
      if (underWay.length === most) yield await next(underWay);
    }
    while (underWay.length > 0) yield await next(underWay);
  } finally {
    await Promise.allSettled(underWay);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield Buffer.concat([lastBlock, trailer]);
}

function next(underWay: Promise<Buffer>[]): Promise<Buffer> {
  return underWay.shift() ?? Promise.resolve(Buffer.alloc(0));
}

function compress(block: Buffer, dictionary: Buffer | undefined): Promise<Buffer> {
  const { Z_SYNC_FLUSH } = constants;
  return deflate(block, {
    level,
    finishFlush: Z_SYNC_FLUSH,
    ...(dictionary === undefined ? {} : { dictionary }),
  });
}

async function* blocksOf(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafe(blockSize);
  let filled = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(block, filled, at);
      at += copied;
      filled += copied;
      if (filled < blockSize) continue;
      yield block;
      block = Buffer.allocUnsafe(blockSize);
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
