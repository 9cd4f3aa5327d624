import type { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { LayerCheck } from '../../bundle/check-layers.ts';
import type { LendingBundle } from '../../bundle/lending-bundle.ts';
import type { SignedBundle } from '../../bundle/signed-bundle.ts';
import type { Digest } from '../../core/digest.ts';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { silent, type Emit } from '../../core/events.ts';
import { totalSize, type Descriptor, type LockedImage } from '../../core/image.ts';
import type { BlobOptions, ImageSource } from '../../core/ports.ts';
import { formatSize } from '../../core/size.ts';
import type { RequiredBlob } from '../../schema/bundle.ts';
import { withBlobs } from '../with-blobs.ts';

export interface LendingOptions {
  /** Bundles that may lend, asked in this order. */
  readonly with: readonly LendingBundle[];
  readonly signal: AbortSignal;
}

/**
 * The layers that a bundle leaves out, as far as other bundles lend them. Each is read whole and hashed before any byte of it
 * is handed out.
 */
export class LentLayers {
  readonly #bundle: SignedBundle;
  readonly #options: LendingOptions;
  readonly #required: ReadonlyMap<Digest, RequiredBlob>;
  readonly #check: LayerCheck | undefined;
  readonly #inTurn = pLimit(1);
  /** Who lends a layer; undefined where nobody does. */
  readonly #lenders = new Map<Digest, Promise<LendingBundle | undefined>>();
  readonly #faults = new Map<Digest, PackferryError[]>();

  constructor(bundle: SignedBundle, options: LendingOptions) {
    this.#bundle = bundle;
    this.#options = options;
    this.#required = new Map(bundle.document.requires.map((blob) => [blob.digest, blob]));
    this.#check = bundle.deep ? new LayerCheck(bundle.document.images) : undefined;
  }

  /** What the bundle leaves out of an image, each layer once. */
  requiredOf({ layers }: Pick<LockedImage, 'layers'>): readonly RequiredBlob[] {
    return [...new Set(layers.map(({ digest }) => digest))].flatMap(
      (digest) => this.#required.get(digest) ?? [],
    );
  }

  /**
   * Has these layers read and hashed by who lends them. Returns the digests of those that nobody lends; what speaks against
   * copies of them is known by `faultsOf`. Throws the reason of the signal.
   */
  async prepare(layers: readonly Descriptor[], emit: Emit): Promise<ReadonlySet<Digest>> {
    const lent = layers.filter((layer) => this.#options.with.some((lender) => lender.carries(layer)));
    // No plan of its own: a bundle that is checked while it is delivered has one for the same task.
    if (lent.length > 0) {
      const message = `verifying ${lent.length} layers, ${formatSize(totalSize(lent))}, that other bundles lend`;
      emit({ type: 'note', level: 'info', message });
    }
    const missing = new Set<Digest>();
    for (const layer of layers)
      if ((await this.#lenderOf(layer, emit)) === undefined) missing.add(layer.digest);
    return missing;
  }

  /** Why copies of a layer cannot be lent. */
  faultsOf(digest: Digest): readonly PackferryError[] {
    return this.#faults.get(digest) ?? [];
  }

  /** The images of the bundle from `source`, and what it leaves out from who lends it. */
  over(source: ImageSource): ImageSource {
    if (this.#required.size === 0) return source;
    return withBlobs(source, (image, blob, options) => {
      const required = this.#required.get(blob.digest);
      return required === undefined
        ? source.openBlob(image, blob, options)
        : this.#open(image, required, options);
    });
  }

  /** A target may have said that it has a layer, so that it was not asked for before. */
  async #open(image: LockedImage, required: RequiredBlob, options?: BlobOptions): Promise<Readable> {
    const lender = await this.#lenderOf(required, silent);
    options?.signal?.throwIfAborted();
    if (lender !== undefined) return lender.open(required, options);
    const { digest, size, base } = required;
    const whose = base === undefined ? '' : ` (${base} has it)`;
    const what = `${image.reference}: layer ${digest}, ${formatSize(size)}, which the target had said that it has, could not be used there, and bundle:${this.#bundle.dir} leaves it out${whose}`;
    throw new PackferryError('E_BASE_MISSING', what, {
      hint: 'Import it again along with a bundle that carries the layer: --with DIR.',
      errors: this.faultsOf(digest),
    });
  }

  #lenderOf(layer: Descriptor, emit: Emit): Promise<LendingBundle | undefined> {
    const known = this.#lenders.get(layer.digest) ?? this.#inTurn(() => this.#find(layer, emit));
    this.#lenders.set(layer.digest, known);
    return known;
  }

  /** The first one whose copy is good. */
  async #find(layer: Descriptor, emit: Emit): Promise<LendingBundle | undefined> {
    const { with: lenders, signal } = this.#options;
    const faults: PackferryError[] = [];
    this.#faults.set(layer.digest, faults);
    const item = layer.digest;
    for (const lender of lenders.filter((one) => one.carries(layer))) {
      signal.throwIfAborted();
      emit({ type: 'started', task: 'verify', item, label: `layer in ${lender.name}`, bytes: layer.size });
      try {
        const onBytes = (bytes: number): void => emit({ type: 'progress', task: 'verify', item, bytes });
        await lender.verify(layer, { layers: this.#check, signal, onBytes });
      } catch (fault) {
        signal.throwIfAborted();
        const error = asPackferryError(fault);
        faults.push(error);
        emit({ type: 'failed', task: 'verify', item, error });
        continue;
      }
      emit({ type: 'done', task: 'verify', item, bytes: layer.size });
      for (const { message } of faults)
        emit({ type: 'note', level: 'warning', message: `${message}; ${lender.name} lends it` });
      return lender;
    }
    return undefined;
  }
}
