import { realpath, stat } from 'node:fs/promises';
import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import type { Platform } from '../core/platform.ts';
import { parseReference, type ImageReference } from '../core/reference.ts';
import { formatSize } from '../core/size.ts';
import { readRange } from './file-range.ts';
import { layoutName } from './layout-names.ts';
import { findImage } from './save/find-image.ts';
import { readSave } from './save/read-save.ts';
import { receiveSave, type ReceivedSave } from './save/receive-save.ts';
import { notAsLocked } from './save/saved-image.ts';
import { savedImages } from './save/saved-images.ts';
import { Spool } from './save/spool.ts';
import { readPlace, takeImage, type BlobPlace } from './save/take-image.ts';
import { archiveFault } from './tar/archive-fault.ts';

export interface DockerArchiveOptions {
  /** A folder for compressed layers, shared with other archives and engines; made when it is missing. */
  readonly spoolDir: string;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

/**
 * Opens an image archive as a source: what `docker save`, `podman save` (docker-archive and oci-archive), skopeo,
 * crane and regctl write, also compressed with gzip as a whole. The file is read once from its first byte to its last
 * and every digest in it is checked; it is never changed. Blobs that are compressed in it are then read from where they
 * lie; other layers are compressed into the spool when their image is resolved.
 *
 * Disk: the compressed layers, and for a file that is compressed as a whole its content until `close`. Memory: the JSON
 * documents of the archive, and some MiB. Errors: `E_SOURCE_UNREACHABLE` without such a file, `E_ARCHIVE_MALFORMED`,
 * `E_DIGEST_MISMATCH`, `E_IMAGE_MALFORMED`, `E_JSON_INVALID`.
 */
export async function openDockerArchive(file: string, options: DockerArchiveOptions): Promise<ImageSource> {
  const { emit = silent, signal } = options;
  const name = `docker-archive:${file}`;
  const { target, size } = await findFile(file, name);
  const spool = await Spool.open(options.spoolDir);
  emit({
    type: 'note',
    level: 'info',
    message: `${name}: reading ${formatSize(size)}, checking every digest`,
  });
  const tarOptions = { name, ...(signal === undefined ? {} : { signal }) };
  const save = (await isGzip(target, name))
    ? await receiveSave(gunzipped(target, name), spool, tarOptions)
    : await readInPlace(target, tarOptions);
  return new DockerArchive(save, spool);
}

class DockerArchive implements ImageSource {
  readonly name: string;
  readonly #save: ReceivedSave;
  readonly #spool: Spool;
  readonly #places = new Map<string, BlobPlace>();

  constructor(save: ReceivedSave, spool: Spool) {
    this.name = save.name;
    this.#save = save;
    this.#spool = spool;
  }

  async resolve(reference: ImageReference, platform: Platform, signal?: AbortSignal): Promise<LockedImage> {
    const image = findImage(this.name, this.#save.contents, reference, platform);
    const taken = await takeImage(this.#save, image, this.#spool, signal);
    for (const [digest, place] of taken.places) this.#places.set(digest, place);
    const { manifest, config, layers } = taken;
    const locked = { manifest, config, layers, platform: taken.platform };
    return { reference: layoutName(reference), ...locked, source: this.name };
  }

  listImages(): Promise<readonly ImageReference[]> {
    const { images } = this.#save.contents;
    return Promise.resolve(images.flatMap(({ names }) => names.map(parseReference)));
  }

  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const { from = 0, signal } = options;
    // A run that goes by a lock has resolved nothing.
    const opened =
      (await this.#open(blob, from, signal)) ?? (await this.#openAnew(image, blob, from, signal));
    return signal === undefined ? opened : addAbortSignal(signal, opened);
  }

  close(): Promise<void> {
    return this.#save.close();
  }

  async #open(
    blob: Descriptor,
    from: number,
    signal: AbortSignal | undefined,
  ): Promise<Readable | undefined> {
    const place = this.#places.get(blob.digest);
    if (place === undefined)
      return (await this.#spool.has(blob, signal)) ? this.#spool.read(blob, from) : undefined;
    if ('bytes' in place) return Readable.from([place.bytes.subarray(from)], { objectMode: false });
    return readPlace(this.#save, place, from);
  }

  async #openAnew(
    image: LockedImage,
    blob: Descriptor,
    from: number,
    signal: AbortSignal | undefined,
  ): Promise<Readable> {
    await this.resolve(parseReference(image.reference), image.platform, signal);
    const opened = await this.#open(blob, from, signal);
    if (opened !== undefined) return opened;
    throw notAsLocked(image, blob, this.name);
  }
}

async function findFile(file: string, name: string): Promise<{ target: string; size: number }> {
  try {
    const target = await realpath(file);
    const stats = await stat(target);
    if (stats.isFile()) return { target, size: stats.size };
  } catch (fault) {
    throw new PackferryError('E_SOURCE_UNREACHABLE', `${name}: ${whyUnread(fault)}`, {
      hint: 'Give a file that "docker save -o FILE" or "podman save -o FILE" wrote.',
      cause: fault,
    });
  }
  throw new PackferryError('E_SOURCE_UNREACHABLE', `${name}: no regular file`, {
    hint: 'Give the file that "docker save -o FILE" wrote; a folder with an OCI image layout is oci:FOLDER.',
  });
}

function whyUnread(fault: unknown): string {
  return systemCodeOf(fault) === 'ENOENT' ? 'no such file' : `cannot be read: ${messageOf(fault)}`;
}

const otherMagics: readonly (readonly [string, string])[] = [
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68'],
];

async function isGzip(file: string, name: string): Promise<boolean> {
  const start = (await collect(readRange(file, 0, 8), 8, name)).toString('hex');
  const other = otherMagics.find(([, magic]) => start.startsWith(magic));
  if (other !== undefined) {
    throw archiveFault(name, undefined, `the file is compressed with ${other[0]}; decompress it first`);
  }
  return start.startsWith('1f8b');
}

async function readInPlace(
  file: string,
  options: { readonly name: string; readonly signal?: AbortSignal },
): Promise<ReceivedSave> {
  const content = readRange(file, 0, Infinity) as AsyncIterable<Buffer>;
  const contents = savedImages(await readSave(content, options));
  return { file, name: options.name, contents, close: () => Promise.resolve() };
}

async function* gunzipped(file: string, name: string): AsyncGenerator<Buffer> {
  let packed = 0;
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      packed += chunk.length;
      yield chunk;
    }
  }
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const content = pipeline(readRange(file, 0, Infinity), counted, gunzip, () => undefined);
  let size = 0;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > Math.max(limits.layerContentOfAny, packed * limits.layerRatio)) {
        throw new PackferryError('E_LIMIT_EXCEEDED', `${name}: decompresses to over ${size} bytes`);
      }
      yield chunk;
    }
  } catch (fault) {
    if (fault instanceof PackferryError) throw fault;
    throw archiveFault(name, undefined, `cannot be decompressed: ${messageOf(fault)}`, fault);
  }
}
