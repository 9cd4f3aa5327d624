import { createHash } from 'node:crypto';
import { addAbortSignal, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Digest } from '../core/digest.ts';
import { messageOf, systemCodeOf } from '../core/errors.ts';
import type { Descriptor, Layer } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { mediaTypes } from '../core/media-types.ts';
import { verified } from '../core/verify-stream.ts';
import type { EmitOptions } from './emit.ts';
import { blockSize } from './tar-frame.ts';

/** What a layer is to become when it is decompressed on its way: a tar of this size in bytes, with this digest. */
export interface PlainLayer {
  readonly size: number;
  /** Absent where the receiver compares it itself. */
  readonly diffId?: Digest;
}

/** A layer decompresses to something else than was expected. What is wrong with it shows when it is sent as it is. */
export class UnexpectedContent extends Error {}

/** Bytes at the end of a gzip member: CRC32 and ISIZE (RFC 1952, section 2.3.1). */
export const trailerSize = 8;

/**
 * The size that a layer seems to have when it is decompressed: ISIZE, the size of the last gzip member modulo 4 GiB, in
 * `trailer`, its last bytes. That is the size of all of it where there is one member of less than 4 GiB, as in nearly all
 * layers. Undefined for what is not gzip, or what this size cannot be right for: a tar has whole blocks, deflate adds
 * hardly anything to what it cannot compress, and no more comes out than the limits allow.
 */
export function plainSizeOf({ mediaType, size }: Layer, trailer: Buffer): number | undefined {
  if (mediaType !== mediaTypes.ociLayerGzip && mediaType !== mediaTypes.dockerLayerGzip) return undefined;
  if (trailer.length !== trailerSize) return undefined;
  const told = trailer.readUInt32LE(4);
  // Deflate adds five bytes to each stored block; encoders make blocks of 16 KiB and more (RFC 1951, section 3.2.4).
  const least = (size - 1024) * (1 - 2 ** -10);
  const most = Math.max(limits.layerContentOfAny, size * limits.layerRatio);
  return told === 0 || told % blockSize !== 0 || told < least || told > most ? undefined : told;
}

/**
 * A gzip layer, decompressed while it is read: verified as it comes, and as it goes. `onRead` is told the compressed bytes so
 * far. Ends with `UnexpectedContent` before a byte too many is given, or behind the last one, unless it is exactly what
 * was expected; else with the faults of reading and verifying. Memory: the buffers of one decompressor.
 */
export async function* readPlain(
  blob: Descriptor,
  expected: PlainLayer,
  { openBlob, name }: Pick<EmitOptions, 'openBlob' | 'name'>,
  stop: AbortSignal,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const source = addAbortSignal(stop, await openBlob(blob, stop));
  const what = `${name}: blob ${blob.digest}`;
  // Pieces of 256 KiB cost a fifth more.
  const gunzip = createGunzip({ chunkSize: 512 * 1024 });
  // pipeline hands faults on to the last stream; the callback only keeps it from throwing.
  pipeline(verified(source, blob, { name: what, onBytes: onRead }), gunzip, () => undefined);
  const hash = expected.diffId === undefined ? undefined : createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > expected.size) throw new UnexpectedContent(`${what} has more content than it says`);
      hash?.update(chunk);
      yield chunk;
    }
  } catch (fault) {
    if (systemCodeOf(fault)?.startsWith('Z_') !== true) throw fault;
    throw new UnexpectedContent(`${what} cannot be decompressed: ${messageOf(fault)}`, { cause: fault });
  }
  // Node passes over what follows the last member; engines do not.
  if (gunzip.bytesWritten !== blob.size) throw new UnexpectedContent(`${what} has something behind its end`);
  if (size < expected.size) throw new UnexpectedContent(`${what} has less content than it says`);
  if (hash === undefined) return;
  const got = `sha256:${hash.digest('hex')}`;
  if (got !== expected.diffId) throw new UnexpectedContent(`${what} decompresses to ${got}`);
}
