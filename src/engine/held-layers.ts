import { chainIdsOf } from '../core/chain-id.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import type { LockedImage } from '../core/image.ts';
import type { OnTheWay } from '../core/ports.ts';
import type { EngineFacts } from './docker-facts.ts';
import type { Engine } from './engine.ts';
import { inspectAll } from './inspect-all.ts';
import type { Inspection } from './inspection.ts';

/**
 * The layers that an engine holds, as far as it tells: no engine lists layers, but every image names its own. Docker's
 * classic store knows a layer by its chainID, Podman by its diffID, and the containerd store needs the very blob. What
 * is learned here may be out of date a moment later, so whoever relies on it has to confirm the result.
 */
export class HeldLayers {
  readonly facts: EngineFacts;
  readonly #chainIds = new Set<Digest>();
  readonly #diffIds = new Set<Digest>();
  /** Manifests of which all content is there; and the blobs that are known through them. */
  readonly #manifests = new Set<string>();
  readonly #blobs = new Set<Digest>();

  constructor(facts: EngineFacts) {
    this.facts = facts;
  }

  /**
   * Asks the engine for all its images; see `inspectAll`. `known` are images whose blobs are known, by which those of the
   * engine's are. Throws what asking throws.
   */
  async learn(
    engine: Engine,
    known: readonly LockedImage[],
    signal?: AbortSignal,
    listed?: Promise<readonly string[]>,
  ): Promise<void> {
    for (const found of await inspectAll(engine, signal, listed)) this.#learn(found);
    for (const image of known) if (this.#manifests.has(image.manifest.digest)) this.#addBlobs(image);
  }

  /** Notes an image that is there for certain. */
  add(image: LockedImage): void {
    this.#addDiffIds(image.layers.map(({ diffId }) => diffId));
    this.#addBlobs(image);
  }

  /** The same, once these images are there as well. */
  with(images: readonly LockedImage[]): HeldLayers {
    const more = new HeldLayers(this.facts);
    for (const digest of this.#chainIds) more.#chainIds.add(digest);
    for (const digest of this.#diffIds) more.#diffIds.add(digest);
    for (const digest of this.#blobs) more.#blobs.add(digest);
    for (const image of images) more.add(image);
    return more;
  }

  /** The blobs of an image's layers that need not be sent. */
  heldOf(image: LockedImage): ReadonlySet<Digest> {
    const chain = chainIdsOf(image.layers.map(({ diffId }) => diffId));
    const isHeld = ({ digest, diffId }: LockedImage['layers'][number], at: number): boolean => {
      if (this.facts.product === 'podman') return this.#diffIds.has(diffId);
      const unpacked = this.#chainIds.has(chain[at] ?? diffId);
      return this.facts.idOf === 'config' ? unpacked : this.#blobs.has(digest) || unpacked;
    };
    const missing = new Set(
      image.layers.filter((layer, at) => !isHeld(layer, at)).map(({ digest }) => digest),
    );
    return new Set(image.layers.map(({ digest }) => digest).filter((digest) => !missing.has(digest)));
  }

  #learn(found: Inspection): void {
    const { Manifests: manifests } = found;
    if (this.facts.idOf === 'manifest') {
      // Engines before API 1.48 do not say whether content is there: only the image's own identity counts then.
      if (!manifests) this.#manifests.add(found.Id);
      for (const { Available, Descriptor } of manifests ?? [])
        if (Available) this.#manifests.add(Descriptor.digest);
      if (manifests?.some(({ Available }) => Available) !== true) return;
    }
    this.#addDiffIds((found.RootFS?.Layers ?? []).filter(isDigest));
  }

  #addDiffIds(diffIds: readonly Digest[]): void {
    for (const chainId of chainIdsOf(diffIds)) this.#chainIds.add(chainId);
    for (const diffId of diffIds) this.#diffIds.add(diffId);
  }

  #addBlobs({ layers }: LockedImage): void {
    for (const { digest } of layers) this.#blobs.add(digest);
  }
}

/** What need not be sent of an image, and what has to be there before the engine may keep it. */
export interface LeftOut {
  readonly without: ReadonlySet<Digest>;
  readonly onto?: OnTheWay;
}

/** Counts on images that are on the way only for layers that the engine does not have already. */
export function leaveOut(held: HeldLayers, image: LockedImage, onto: OnTheWay | undefined): LeftOut {
  const without = held.heldOf(image);
  if (onto === undefined) return { without };
  const later = held.with(onto.images).heldOf(image);
  return later.size > without.size ? { without: later, onto } : { without };
}
