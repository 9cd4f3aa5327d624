import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { hexOf, type Digest } from '../../core/digest.ts';
import { blobsOf, type Descriptor } from '../../core/image.ts';
import { mediaTypes } from '../../core/media-types.ts';
import { formatPlatform, type Platform } from '../../core/platform.ts';
import { digestMismatch } from '../../core/verify-stream.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { spooledImageSchema, spooledLayerSchema, type SpooledImage } from '../../schema/spool.ts';
import { onDisk, writeWhole } from '../atomic-file.ts';
import { readRange } from '../file-range.ts';
import { GoodBlobs } from '../good-blobs.ts';
import { keyedQueue } from '../keyed-queue.ts';
import { blobFile } from '../layout-folder.ts';
import { gzipBlocks } from './gzip-blocks.ts';
import { removeUnused } from './spool-cleaning.ts';
import { readNote, writeNote } from './spool-notes.ts';

/**
 * A folder that keeps what images of engines became, so that planning, locking and exporting save them once, and
 * layers that several images share are compressed once. It is laid out as an OCI image layout (`blobs/sha256/HEX`),
 * with notes beside it: `images` by the engine's image ID and platform, `layers` by diff ID. Files appear whole or not
 * at all, notes carry their own hash, and every blob is hashed before it is relied on, once in the life of this object. Several runs may share the
 * folder.
 *
 * Disk: the compressed blobs of the images used in the last seven days, and while an image is being taken over one
 * uncompressed save of it. Memory: some MiB, whatever the size of the images.
 */
export class Spool {
  readonly dir: string;
  readonly #good: GoodBlobs;
  readonly #inTurn = keyedQueue();

  /** Opens the folder, makes it where it is missing, and removes what was not used for a week. */
  static async open(dir: string, now: number = Date.now()): Promise<Spool> {
    const folders = ['images', 'layers', path.join('blobs', 'sha256')].map((name) => path.join(dir, name));
    await onDisk(dir, async () => {
      for (const folder of folders) await makeFolder(folder, (each) => mkdir(each, 0o700));
      await removeUnused([dir, ...folders], now);
    });
    return new Spool(dir);
  }

  private constructor(dir: string) {
    this.dir = dir;
    this.#good = new GoodBlobs(dir);
  }

  /** A name for a file that nobody else writes; what crashes leave under such names is removed a day later. */
  temporaryFile(): string {
    return path.join(this.dir, `.packferry-${randomBytes(8).toString('hex')}.part`);
  }

  /** Is the blob there, whole? Then it stays for another week. */
  async has(blob: Descriptor, signal?: AbortSignal): Promise<boolean> {
    if (!(await this.#good.has(blob, signal))) return false;
    await touch(blobFile(this.dir, blob.digest));
    return true;
  }

  /** Opens a blob that is there. */
  read(blob: Descriptor, from = 0): Readable {
    return readRange(blobFile(this.dir, blob.digest), from, blob.size);
  }

  /** Keeps a blob unless it is there. What `open` gives has to check itself, or to be a document from memory. */
  async put(
    blob: Descriptor,
    open: () => AsyncIterable<Buffer> | Iterable<Buffer>,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#inTurn(blob.digest, async () => {
      if (await this.has(blob, signal)) return;
      await writeWhole(blobFile(this.dir, blob.digest), lazily(open));
      this.#good.add(blob);
    });
  }

  /**
   * The compressed blob of an uncompressed layer: the one that is there, or else what `open` gives, compressed. The
   * content has to match the diff ID, else `E_DIGEST_MISMATCH`, naming `name`.
   */
  async layer(
    diffId: Digest,
    open: () => AsyncIterable<Buffer>,
    options: { readonly name: string; readonly signal?: AbortSignal },
  ): Promise<Descriptor> {
    return this.#inTurn(diffId, async () => {
      const note = this.#noteOf('layers', hexOf(diffId));
      const known = await readNote(note, spooledLayerSchema);
      if (known !== undefined && (await this.has(known, options.signal))) {
        await touch(note);
        return known;
      }
      const blob = await this.#compress(diffId, open(), options);
      await writeNote(note, blob);
      return blob;
    });
  }

  /** What an image of an engine became; undefined unless every blob of it is there. */
  async image(id: Digest, platform: Platform, signal?: AbortSignal): Promise<SpooledImage | undefined> {
    const note = this.#imageNote(id, platform);
    const known = await readNote(note, spooledImageSchema);
    if (known === undefined) return undefined;
    for (const blob of blobsOf(known)) if (!(await this.has(blob, signal))) return undefined;
    // Other images may share its layers when this one is gone.
    for (const { diffId } of known.layers) await touch(this.#noteOf('layers', hexOf(diffId)));
    await touch(note);
    return known;
  }

  /** Notes what an image of an engine became. */
  async nameImage(id: Digest, wanted: Platform, image: SpooledImage): Promise<void> {
    const { platform, manifest, config, layers, isKept } = image;
    const note: SpooledImage = { platform, manifest, config, layers, isKept };
    await writeNote(this.#imageNote(id, wanted), note);
  }

  #imageNote(id: Digest, platform: Platform): string {
    return this.#noteOf('images', `${hexOf(id)}-${formatPlatform(platform).replaceAll('/', '-')}`);
  }

  #noteOf(kind: 'images' | 'layers', key: string): string {
    return path.join(this.dir, kind, `${key}.json`);
  }

  async #compress(
    diffId: Digest,
    content: AsyncIterable<Buffer>,
    { name, signal }: { readonly name: string; readonly signal?: AbortSignal },
  ): Promise<Descriptor> {
    const hash = createHash('sha256');
    let size = 0;
    async function* compressed(): AsyncGenerator<Buffer> {
      for await (const chunk of gzipBlocks(checked(content, diffId, name))) {
        signal?.throwIfAborted();
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    }
    // Its name is known when it is complete.
    const file = this.temporaryFile();
    try {
      await writeWhole(file, compressed());
      const digest: Digest = `sha256:${hash.digest('hex')}`;
      await onDisk(file, () => rename(file, blobFile(this.dir, digest)));
      const blob = { mediaType: mediaTypes.ociLayerGzip, digest, size };
      this.#good.add(blob);
      return blob;
    } finally {
      await rm(file, { force: true });
    }
  }
}

/** Opens only when the first byte is wanted: a disk that refuses before leaves nothing open. */
async function* lazily(open: () => AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* open();
}

/** Between two readings of a file it may have changed. */
async function* checked(
  content: AsyncIterable<Buffer>,
  diffId: Digest,
  name: string,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
  const got = `sha256:${hash.digest('hex')}`;
  if (got !== diffId) throw digestMismatch(`${name}: layer`, diffId, got);
}

/** Says that the file is in use, if it is there: another run may have removed it just now. */
async function touch(file: string): Promise<void> {
  const now = new Date();
  await utimes(file, now, now).catch(() => undefined);
}
