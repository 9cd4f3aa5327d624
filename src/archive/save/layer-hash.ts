import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { Header } from 'tar';
import type { Digest } from '../../core/digest.ts';
import { limits } from '../../core/limits.ts';

/** How a file of a save is compressed, by its first bytes. */
export type Compression = 'none' | 'gzip' | 'zstd';

const magics: readonly (readonly [Exclude<Compression, 'none'>, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
];

/** Enough of a file's start to tell what it is, in bytes. */
export const headSize = 512;

export function compressionOf(head: Buffer): Compression {
  return magics.find(([, magic]) => head.subarray(0, magic.length).equals(magic))?.[0] ?? 'none';
}

/** Does a tar archive start like this? One without members starts with zeros. */
export function looksLikeTar(head: Buffer): boolean {
  if (head.length < headSize) return false;
  try {
    const { cksumValid, nullBlock } = new Header(head.subarray(0, headSize));
    return cksumValid || nullBlock;
  } catch {
    return false;
  }
}

/**
 * What the decompressed content hashes to. `broken`: it does not decompress, not to its end, or to more than `limits.layerRatio`
 * times its size. `unknown`: this Node cannot decompress it (zstd came with Node 22.15).
 */
export type DiffId = Digest | 'broken' | 'unknown';

/** `bytesWritten`: what of its input was used. */
type Decompressor = Transform & Pick<zlib.Gunzip, 'bytesWritten'>;

/** Decompresses and hashes what is written to it. Memory: the buffers of one decompressor. */
export class LayerHash {
  readonly #stream: Decompressor | undefined;
  readonly #compression: Compression;
  readonly #hash = createHash('sha256');
  readonly #closed = new AbortController();
  #written = 0;
  #read = 0;
  #isBroken = false;

  constructor(compression: Exclude<Compression, 'none'>) {
    this.#compression = compression;
    this.#stream = decompressor(compression);
    this.#stream?.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#stream?.once('error', () => (this.#isBroken = true));
    this.#stream?.once('close', () => this.#closed.abort());
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#stream === undefined || this.#isBroken) return;
    this.#written += chunk.length;
    if (!this.#stream.write(chunk)) await this.#until('drain');
  }

  async end(): Promise<DiffId> {
    if (this.#stream === undefined) return 'unknown';
    if (!this.#isBroken) {
      this.#stream.end();
      if (!this.#stream.readableEnded) await this.#until('end');
      // Node passes over zeros behind the last member and whatever follows them; engines refuse such a layer.
      const isCut = this.#compression === 'gzip' && this.#stream.bytesWritten !== this.#written;
      if (isCut) this.#isBroken = true;
    }
    this.#stream.destroy();
    return this.#isBroken ? 'broken' : `sha256:${this.#hash.digest('hex')}`;
  }

  #take(chunk: Buffer): void {
    this.#read += chunk.length;
    const most = Math.max(limits.layerContentOfAny, this.#written * limits.layerRatio);
    if (this.#read > Math.min(most, limits.layerContent)) {
      this.#isBroken = true;
      this.#stream?.destroy();
    } else {
      this.#hash.update(chunk);
    }
  }

  /** Waits for an event, or for the end of a stream that broke. */
  async #until(event: 'drain' | 'end'): Promise<void> {
    if (this.#stream === undefined || this.#closed.signal.aborted) return;
    try {
      await once(this.#stream, event, { signal: this.#closed.signal });
    } catch {
      // Broken, as `#isBroken` says; or closed after its end, which is as good.
      if (!this.#stream.readableEnded) this.#isBroken = true;
    }
  }
}

function decompressor(compression: Exclude<Compression, 'none'>): Decompressor | undefined {
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: 256 * 1024 });
  // The types of Node 20 do not know it.
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  return typeof create === 'function' ? (Reflect.apply(create, zlib, []) as Decompressor) : undefined;
}
