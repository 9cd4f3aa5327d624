import type { BlobWatcher } from '../archive/check.ts';
import { compressionOf, LayerHash, type DiffId } from '../archive/save/layer-hash.ts';
import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { someOf } from '../core/some-of.ts';
import type { Descriptor } from '../core/image.ts';
import type { BundleImage } from '../schema/bundle.ts';

/** Bytes of layers that may wait for being decompressed. */
const mostWaiting = 32 * 1024 * 1024;
/** Enough of a layer's start to tell how it is compressed, in bytes. */
const headSize = 4;
/** Layers that are decompressed at the same time: as many as Node has threads for it. */
const mostAtOnce = 4;

/** What was found of the content of layers. */
export interface LayersChecked {
  /** Distinct layers that were decompressed. */
  readonly layers: number;
  /** Those that this Node cannot decompress. */
  readonly notChecked: readonly Digest[];
}

interface Run {
  /** What came of the layer before its compression was known. */
  head: Buffer;
  hash: LayerHash | undefined;
  /** Resolves when all that was given so far has been decompressed. */
  tail: Promise<void>;
}

/**
 * Decompresses every layer while its archive is read, each distinct one once, and compares what comes out with the diff ID
 * that the image's config promises. Several layers are decompressed at a time while reading goes on; memory is bounded
 * by what may wait.
 */
export class LayerCheck implements BlobWatcher {
  readonly errors: PackferryError[] = [];
  /** References by diff ID, by the digest of the layer. */
  readonly #promised = new Map<Digest, Map<Digest, string[]>>();
  readonly #finished = new Set<Digest>();
  readonly #notChecked = new Set<Digest>();
  readonly #ending = new Set<Promise<void>>();
  #run: Run | undefined;
  #waiting = 0;

  constructor(images: readonly BundleImage[]) {
    for (const { reference, layers } of images) {
      for (const { digest, diffId } of layers) {
        const promises = this.#promised.get(digest) ?? new Map<Digest, string[]>();
        promises.set(diffId, [...(promises.get(diffId) ?? []), reference]);
        this.#promised.set(digest, promises);
      }
    }
  }

  take({ digest, size }: Descriptor, bytes: Buffer): Promise<void> | undefined {
    if (!this.#promised.has(digest) || this.#finished.has(digest)) return undefined;
    const run = (this.#run ??= { head: Buffer.alloc(0), hash: undefined, tail: Promise.resolve() });
    let next = bytes;
    if (run.head.length < Math.min(headSize, size)) {
      next = run.head = Buffer.concat([run.head, bytes]);
      if (run.head.length < Math.min(headSize, size)) return undefined;
      const compression = compressionOf(run.head);
      if (compression !== 'none') run.hash = new LayerHash(compression);
    }
    const { hash } = run;
    if (hash === undefined) return undefined;
    this.#waiting += next.length;
    run.tail = run.tail.then(async () => {
      await hash.write(next);
      this.#waiting -= next.length;
    });
    return this.#waiting > mostWaiting ? run.tail : undefined;
  }

  async end({ digest, size }: Descriptor, intact: boolean): Promise<void> {
    if (!this.#promised.has(digest) || this.#finished.has(digest)) return;
    const run = this.#run;
    this.#run = undefined;
    if (intact) this.#finished.add(digest);
    const ending = this.#conclude({ digest, size }, run, intact).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    if (this.#ending.size >= mostAtOnce) await Promise.race(this.#ending);
  }

  /** Waits for the layers that are still being decompressed. */
  async finish(): Promise<LayersChecked> {
    await Promise.all(this.#ending);
    const notChecked = [...this.#notChecked];
    return { layers: this.#finished.size - notChecked.length, notChecked };
  }

  async #conclude(
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    run: Run | undefined,
    intact: boolean,
  ): Promise<void> {
    await run?.tail;
    // What is not compressed is its own content. One that is damaged is told of as such.
    const got: DiffId = (await run?.hash?.end()) ?? digest;
    if (!intact) return;
    if (got === 'unknown') {
      this.#notChecked.add(digest);
      return;
    }
    for (const [diffId, references] of this.#promised.get(digest) ?? []) {
      if (got === diffId) continue;
      const whose = `layer ${digest} of ${someOf(references)}`;
      const what =
        got === 'broken'
          ? `does not decompress to an end, or to far more than its ${size} bytes allow`
          : `decompresses to ${got}`;
      const message = `${whose} ${what}, and the config of the image promises ${diffId}`;
      this.errors.push(
        new PackferryError('E_IMAGE_MALFORMED', message, {
          hint: 'The image was like this when the bundle was made: tell who signed it, and load nothing of it.',
        }),
      );
    }
  }
}
