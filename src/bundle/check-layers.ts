import type { BlobWatcher } from '../archive/check.ts';
import { LayerContent, layerFault } from '../archive/layer-content.ts';
import type { Digest } from '../core/digest.ts';
import type { PackferryError } from '../core/errors.ts';
import { someOf } from '../core/some-of.ts';
import type { Descriptor } from '../core/image.ts';
import type { BundleImage } from '../schema/bundle.ts';

/** Bytes of layers that may wait for being decompressed. */
const mostWaiting = 32 * 1024 * 1024;
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
  readonly content: LayerContent;
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
  readonly #faulty = new Map<Digest, PackferryError>();
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

  take({ digest }: Descriptor, bytes: Buffer): Promise<void> | undefined {
    if (!this.#promised.has(digest) || this.#finished.has(digest)) return undefined;
    const run = (this.#run ??= { content: new LayerContent({ digest }), tail: Promise.resolve() });
    this.#waiting += bytes.length;
    run.tail = run.tail.then(async () => {
      await run.content.write(bytes);
      this.#waiting -= bytes.length;
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

  /**
   * Waits for the verdict on a layer that has passed: what is wrong with it, or `unknown` where this Node cannot decompress
   * it. Undefined for one that is good, for one that was damaged, and for what is no layer.
   */
  async verdictOn(digest: Digest): Promise<PackferryError | 'unknown' | undefined> {
    await Promise.all(this.#ending);
    return this.#faulty.get(digest) ?? (this.#notChecked.has(digest) ? 'unknown' : undefined);
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
    const got = await (run?.content ?? new LayerContent({ digest })).end();
    // One that is damaged is told of as such.
    if (!intact) return;
    if (got === 'unknown') this.#notChecked.add(digest);
    for (const [diffId, references] of this.#promised.get(digest) ?? []) {
      const fault = layerFault({ digest, size }, someOf(references), diffId, got);
      if (fault === undefined) continue;
      this.errors.push(fault);
      this.#faulty.set(digest, fault);
    }
  }
}
