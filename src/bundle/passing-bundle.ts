import { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import { BlobTap, type TapPlace } from './blob-tap.ts';
import { checkFiles, type FilesChecked } from './check-files.ts';
import { isFrameIntact } from './check-frame.ts';
import { ImageCheck } from './check-images.ts';
import { openBundleFile } from './folder.ts';
import { judgeHead, refuseUnchecked, type OpenBundleOptions, type OpenedHead } from './open.ts';
import { SignedBundle } from './signed-bundle.ts';
import { blobNotFound } from './source.ts';

const readSize = 1024 * 1024;

/**
 * A bundle whose archives are checked while its images are delivered, so that the medium is read once. All else has been
 * judged: signatures, freshness, every small file, and of the archives their lengths and all that is no blob. Its blobs
 * stand in the medium in the order in which images are best delivered, that of the document.
 *
 * The images' own documents are read first, and again when they are delivered: of one whose documents are damaged, or do not agree
 * with the signed document, nothing is given. Layers are checked before the receiver may keep the image: a blob ends well only
 * where its bytes have the digest that the signed document names. The sum of the whole archive is known only at the end. It adds nothing to what was delivered, since nothing but blobs comes from the
 * archive, each by its digest; it shows damage in what nobody asked for this time, so `finish` reads that, too, and the
 * evidence is the same as that of a bundle that was verified first.
 *
 * Only `openPassingBundle` makes one.
 */
class PassingBundleFolder extends SignedBundle {
  readonly #head: OpenedHead;
  readonly #options: OpenBundleOptions;
  readonly #tap: BlobTap;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Of each volume, where its blobs start. */
  readonly #places: readonly ReadonlyMap<Digest, number>[];
  /** Of each volume, where it starts when all of them are laid one behind the other. */
  readonly #volumeStarts: readonly number[];
  readonly #volumeOf: ReadonlyMap<string, number>;
  /** Of each volume, what its images' own documents say. */
  readonly #images: readonly ImageCheck[];
  #reading: Promise<FilesChecked> | undefined;

  constructor(head: OpenedHead, options: OpenBundleOptions) {
    super(head);
    this.#head = head;
    this.#options = options;
    this.#signal = AbortSignal.any([this.#stop.signal, options.signal ?? []].flat());
    const { volumes } = head.read;
    this.#tap = new BlobTap(volumes, { requireDeep: options.policy?.requireDeep === true });
    this.#places = volumes.map(
      ({ plan }) =>
        new Map(
          plan.entries.flatMap((entry) =>
            entry.kind === 'blob' ? [[entry.blob.digest, entry.dataOffset] as const] : [],
          ),
        ),
    );
    this.#volumeStarts = volumes.map((_volume, at) =>
      volumes.slice(0, at).reduce((sum, { plan }) => sum + plan.size, 0),
    );
    this.#images = volumes.map(({ images, platform }) => new ImageCheck(images, platform));
    this.#volumeOf = new Map(
      volumes.flatMap(({ images }, volume) => images.map(({ reference }) => [reference, volume] as const)),
    );
  }

  /**
   * Begins: checks all but the archives, and their frames; reads the images' documents. Where something is wrong already, all of the bundle is read, so
   * that all damage is told at once, and thrown.
   */
  async begin(): Promise<void> {
    const { listing, list, read, own, deep } = this.#head;
    this.#signal.addEventListener('abort', () => this.#tap.close(), { once: true });
    let begun: () => void = () => undefined;
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    const beforeArchives = async (isGood: boolean): Promise<void> => {
      const frames = read.volumes.map((volume, at) =>
        isFrameIntact(listing, volume, { documents: this.#images[at], signal: this.#signal }),
      );
      if (isGood && (await Promise.all(frames)).every(Boolean)) begun();
      else this.#tap.release();
    };
    const options = { ...this.#options, deep, signal: this.#signal };
    this.#reading = checkFiles(listing, list, { read, own }, options, { tap: this.#tap, beforeArchives });
    this.#reading.then(
      () => this.#tap.close(),
      () => this.#tap.close(),
    );
    await Promise.race([beginning, this.#reading]);
  }

  /** Its images, to be delivered one at a time to each target, best in the order in which they lie in the archives. */
  get source(): ImageSource {
    const name = `bundle:${this.dir}`;
    return {
      name,
      resolve: () => Promise.reject(new Error(`${name} is read once: its images are those of its document`)),
      openBlob: (image, blob, options) => this.#openBlob(image, blob, options),
      placeOf: (image, blob) => this.#placeOf(image, blob),
      close: () => Promise.resolve(),
    };
  }

  /** Where an image lies: the number of its archive. */
  archiveOf(reference: string): number {
    return this.#volumeOf.get(reference) ?? 0;
  }

  /** Reads what nobody has asked for. Throws all damage, as `openBundle` does: what is loaded by then is whole all the same. */
  async finish(): Promise<void> {
    this.#tap.release();
    const checked = await this.#reading;
    if (checked !== undefined) refuseUnchecked(checked, this.#options);
  }

  /** Reads no further. Resolves when no file is open any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading?.catch(() => undefined);
  }

  /** Documents are read when they are asked for, whatever passes then. */
  #placeOf(image: LockedImage, { digest }: Descriptor): number | undefined {
    if (digest === image.manifest.digest || digest === image.config.digest) return undefined;
    const volume = this.#volumeOf.get(image.reference) ?? -1;
    const offset = this.#places[volume]?.get(digest);
    return offset === undefined ? undefined : (this.#volumeStarts[volume] ?? 0) + offset;
  }

  async #openBlob(
    image: LockedImage,
    blob: Descriptor,
    { from = 0, signal }: BlobOptions = {},
  ): Promise<Readable> {
    const volume = this.#volumeOf.get(image.reference) ?? -1;
    const offset = this.#places[volume]?.get(blob.digest);
    if (offset === undefined) throw blobNotFound(this, image, blob);
    // An engine goes by the image's own documents, so nothing is sent that they do not agree with.
    const fault = this.#images[volume]?.faultOf(image.reference);
    if (fault !== undefined) throw fault;
    const place = { volume, offset };
    const mayPass = from === 0 && this.#placeOf(image, blob) !== undefined;
    const passing = mayPass ? this.#tap.open(place, `${image.reference}: blob ${blob.digest}`) : undefined;
    return passing ?? this.#readAgain(place, blob, from, signal);
  }

  /** Documents, and layers of an image whose delivery failed, which begins again or shares them with others. */
  async #readAgain(
    { volume, offset }: TapPlace,
    { size }: Descriptor,
    from: number,
    signal: AbortSignal | undefined,
  ): Promise<Readable> {
    if (from >= size) return Readable.from([]);
    const file = this.volumes[volume]?.file ?? '';
    const handle = await openBundleFile(this.dir, file, this.seen.get(file));
    return handle.createReadStream({
      start: offset + from,
      end: offset + size - 1,
      highWaterMark: readSize,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

export type PassingBundle = PassingBundleFolder;

/**
 * Opens a bundle to be checked while it is delivered; see `PassingBundle`. Throws as `openBundle` does. Whoever opens one
 * closes it.
 */
export async function openPassingBundle(dir: string, options: OpenBundleOptions): Promise<PassingBundle> {
  const bundle = new PassingBundleFolder(await judgeHead(dir, options), options);
  try {
    await bundle.begin();
    return bundle;
  } catch (fault) {
    await bundle.close();
    throw fault;
  }
}
