import type { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { LayerCheck } from '../../bundle/check-layers.ts';
import { crewFor, type HashCrew } from '../../bundle/hash-crew.ts';
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
  /** From which of the bundles an image is taken; undefined for one that is from elsewhere. Default: all are from the first. */
  readonly bundleOf?: (image: LockedImage) => SignedBundle | undefined;
  /** Asked for what nobody lends: it may have more than the bundles. Default: nothing else is asked. */
  readonly alsoFrom?: ImageSource;
  readonly signal: AbortSignal;
}

/** How lenders are read. */
interface Finding {
  /** Default: nobody is told. */
  readonly emit?: Emit;
  /** Default: one layer after the other, in this thread. */
  readonly crew?: HashCrew | undefined;
}

/**
 * The layers that bundles leave out, as far as other bundles lend them. Each is read whole and hashed before any byte of it
 * is handed out.
 */
export class LentLayers {
  readonly #bundles: readonly SignedBundle[];
  readonly #options: LendingOptions;
  readonly #required: ReadonlyMap<SignedBundle, ReadonlyMap<Digest, RequiredBlob>>;
  readonly #check: LayerCheck | undefined;
  readonly #inTurn = pLimit(1);
  /** Who lends a layer; undefined where nobody does. */
  readonly #lenders = new Map<Digest, Promise<LendingBundle | undefined>>();
  readonly #faults = new Map<Digest, PackferryError[]>();
  readonly #elsewhere = new Map<string, Promise<boolean>>();

  constructor(bundles: readonly SignedBundle[], options: LendingOptions) {
    this.#bundles = bundles.filter(({ document }) => document.requires.length > 0);
    this.#options = options;
    this.#required = new Map(
      this.#bundles.map((bundle) => [
        bundle,
        new Map(bundle.document.requires.map((blob) => [blob.digest, blob])),
      ]),
    );
    const deep = this.#bundles.filter((bundle) => bundle.deep);
    this.#check =
      deep.length === 0 ? undefined : new LayerCheck(deep.flatMap(({ document }) => document.images));
  }

  /** Who leaves layers out, for messages, e.g. `soc 42`. */
  get names(): readonly string[] {
    return this.#bundles.map(({ document: { name, sequence } }) => `${name} ${sequence}`);
  }

  /** What its bundle leaves out of an image, each layer once. */
  requiredOf(image: LockedImage): readonly RequiredBlob[] {
    const digests = [...new Set(image.layers.map(({ digest }) => digest))];
    return digests.flatMap((digest) => this.#requiredIn(image, digest) ?? []);
  }

  /**
   * Has these layers read and hashed by who lends them. Returns the digests of those that nobody lends; what speaks against
   * copies of them is known by `faultsOf`. Throws the reason of the signal.
   */
  async prepare(layers: readonly Descriptor[], emit: Emit): Promise<ReadonlySet<Digest>> {
    const { with: lenders, signal } = this.#options;
    const lent = layers.filter((layer) => lenders.some((lender) => lender.carries(layer)));
    if (lent.length > 0) {
      emit({ type: 'planned', task: 'lend', items: lent.length, bytes: totalSize(lent) });
      // Decompressing takes what processors there are by itself, one layer after the other.
      const crew = this.#check === undefined ? crewFor(lent) : undefined;
      const limit = pLimit(crew?.members ?? 1);
      const find = (layer: Descriptor): Promise<unknown> => this.#lenderOf(layer, { emit, crew });
      try {
        await Promise.allSettled(lent.map((layer) => limit(find, layer)));
      } finally {
        await crew?.close();
        emit({ type: 'finished', task: 'lend' });
      }
    }
    signal.throwIfAborted();
    const missing = new Set<Digest>();
    for (const layer of layers) if ((await this.#lenderOf(layer)) === undefined) missing.add(layer.digest);
    return missing;
  }

  /** Why copies of a layer cannot be lent. */
  faultsOf(digest: Digest): readonly PackferryError[] {
    return this.#faults.get(digest) ?? [];
  }

  /** Does a source that is asked besides give a layer of an image which nobody lends? Throws the reason of the signal. */
  isElsewhere(image: LockedImage, layer: Descriptor): Promise<boolean> {
    const key = `${image.reference} ${layer.digest}`;
    const known = this.#elsewhere.get(key) ?? this.#inTurn(() => this.#isGiven(image, layer));
    this.#elsewhere.set(key, known);
    return known;
  }

  /** The images of the bundles from `source`, and what they leave out from who lends it. */
  over(source: ImageSource): ImageSource {
    if (this.#bundles.length === 0) return source;
    return withBlobs(source, (image, blob, options) => {
      const required = this.#requiredIn(image, blob.digest);
      return required === undefined
        ? source.openBlob(image, blob, options)
        : this.#open(image, required, options);
    });
  }

  /** A target may have said that it has a layer, so that it was not asked for before. */
  async #open(image: LockedImage, required: RequiredBlob, options?: BlobOptions): Promise<Readable> {
    const lender = await this.#lenderOf(required);
    options?.signal?.throwIfAborted();
    if (lender !== undefined) return lender.open(required, options);
    const { alsoFrom } = this.#options;
    if (alsoFrom !== undefined && (await this.isElsewhere(image, required)))
      return alsoFrom.openBlob(image, required, options);
    const { digest, size, base } = required;
    const whose = base === undefined ? '' : ` (${base} has it)`;
    const dir = this.#bundleOf(image)?.dir ?? '';
    const what = `${image.reference}: layer ${digest}, ${formatSize(size)}, which the target had said that it has, could not be used there, and bundle:${dir} leaves it out${whose}`;
    throw new PackferryError('E_BASE_MISSING', what, {
      hint: 'Run it again along with a bundle that carries the layer: --with DIR.',
      errors: this.faultsOf(digest),
    });
  }

  async #isGiven(image: LockedImage, layer: Descriptor): Promise<boolean> {
    const { alsoFrom, signal } = this.#options;
    if (alsoFrom === undefined) return false;
    try {
      const content = await alsoFrom.openBlob(image, layer, { signal });
      content.on('error', () => undefined).destroy();
      return true;
    } catch {
      // Who does not give it now is not waited for later.
      signal.throwIfAborted();
      return false;
    }
  }

  #bundleOf(image: LockedImage): SignedBundle | undefined {
    const { bundleOf } = this.#options;
    return bundleOf === undefined ? this.#bundles[0] : bundleOf(image);
  }

  #requiredIn(image: LockedImage, digest: Digest): RequiredBlob | undefined {
    const bundle = this.#bundleOf(image);
    return bundle && this.#required.get(bundle)?.get(digest);
  }

  #lenderOf(layer: Descriptor, finding: Finding = {}): Promise<LendingBundle | undefined> {
    const find = (): Promise<LendingBundle | undefined> => this.#find(layer, finding);
    const known =
      this.#lenders.get(layer.digest) ?? (finding.crew === undefined ? this.#inTurn(find) : find());
    this.#lenders.set(layer.digest, known);
    return known;
  }

  /** The first one whose copy is good. */
  async #find(layer: Descriptor, { emit = silent, crew }: Finding): Promise<LendingBundle | undefined> {
    const { with: lenders, signal } = this.#options;
    const faults: PackferryError[] = [];
    this.#faults.set(layer.digest, faults);
    const item = layer.digest;
    for (const lender of lenders.filter((one) => one.carries(layer))) {
      signal.throwIfAborted();
      emit({ type: 'started', task: 'lend', item, label: `layer in ${lender.name}`, bytes: layer.size });
      try {
        const onBytes = (bytes: number): void => emit({ type: 'progress', task: 'lend', item, bytes });
        await lender.verify(layer, { layers: this.#check, crew, signal, onBytes });
      } catch (fault) {
        signal.throwIfAborted();
        const error = asPackferryError(fault);
        faults.push(error);
        emit({ type: 'failed', task: 'lend', item, error });
        continue;
      }
      emit({ type: 'done', task: 'lend', item, bytes: layer.size });
      for (const { message } of faults)
        emit({ type: 'note', level: 'warning', message: `${message}; ${lender.name} lends it` });
      return lender;
    }
    return undefined;
  }
}
