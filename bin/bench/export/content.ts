import { createCipheriv, createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Header } from 'tar';
import type { ComposedLayer } from '../../demo/sample-images.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { mediaTypes } from '../../../src/core/media-types.ts';

const compress = promisify(gzip);
const cipherBlock = 16;

/** Bytes `start` to `start + length` of an endless random sequence that only depends on the seed; fast from any place. */
export function randomBytesAt(seed: string, start: number, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, cipherBlock);
  const counter = Buffer.alloc(cipherBlock);
  counter.writeBigUInt64BE(BigInt(Math.floor(start / cipherBlock)), 8);
  const skipped = start % cipherBlock;
  const stream = createCipheriv('aes-128-ctr', key, counter);
  return stream.update(Buffer.alloc(skipped + length)).subarray(skipped);
}

/** What of the tar is left after gzip: see `fileContent`. */
const ratio = 0.53;

/** A gzip layer of about `bytes` compressed bytes: files as layers hold them, of which half can be compressed away. */
export async function gzipLayer(seed: string, bytes: number): Promise<ComposedLayer> {
  const members: Buffer[] = [];
  let total = 0;
  for (let at = 0; total < bytes / ratio; at += 1) {
    const member = fileMember(seed, at, Math.min(bytes / ratio - total, 8192 + ((at * 7919) % 31) * 8192));
    members.push(member);
    total += member.length;
  }
  const tar = Buffer.concat([...members, Buffer.alloc(1024)]);
  const packed = await compress(tar, { level: 1 });
  const descriptor = { mediaType: mediaTypes.dockerLayerGzip, digest: digestOf(packed), size: packed.length };
  return { descriptor, bytes: packed, diffId: digestOf(tar) };
}

function fileMember(seed: string, at: number, about: number): Buffer {
  const content = fileContent(`${seed}/${at}`, Math.max(512, Math.ceil(about / 512) * 512));
  const block = Buffer.alloc(512);
  const path = `usr/lib/${seed}/file-${at}`;
  new Header({
    path,
    type: 'File',
    mode: 0o644,
    size: content.length,
    uid: 0,
    gid: 0,
    mtime: new Date(0),
  }).encode(block);
  return Buffer.concat([block, content]);
}

/** A third random, a third of hex digits (half of it goes), a third that repeats itself (nearly all of it goes). */
function fileContent(seed: string, size: number): Buffer {
  const third = Math.floor(size / 3);
  const random = randomBytesAt(seed, 0, size);
  return Buffer.concat([
    random.subarray(0, third),
    Buffer.from(random.subarray(third, third + Math.ceil(third / 2)).toString('hex'), 'latin1').subarray(
      0,
      third,
    ),
    Buffer.alloc(size - 2 * third, `def ${random.toString('hex', 0, 40)}(self):\n    return None\n`),
  ]);
}
