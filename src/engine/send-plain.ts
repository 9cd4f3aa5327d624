import type { ArchivePlan } from '../archive/plan.ts';
import { plainSizeOf, trailerSize, UnexpectedContent } from '../archive/plain-layer.ts';
import { collect } from '../core/collect.ts';
import type { Digest } from '../core/digest.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';

/** The sizes in bytes of the layers that leave decompressed, by the digests of their blobs. */
export type PlainSizes = ReadonlyMap<Digest, number>;

export interface PlainOptions {
  /** The blobs of layers that stay out, or leave as they are. */
  readonly without: ReadonlySet<Digest>;
  /** Decompressed bytes of an image from which on it is worth it; infinite where every byte on the way is dearer than the engine's time. */
  readonly plainFrom: number;
  readonly signal: AbortSignal | undefined;
  /** The archive with these layers decompressed. */
  readonly plan: (sizes: PlainSizes) => ArchivePlan;
  readonly send: (plan: ArchivePlan) => Promise<void>;
}

const none: PlainSizes = new Map();

/**
 * Sends an archive with its layers decompressed, where that can be and is worth it (see `isSoonerPlain`). Where a layer turns out to have another content than its size
 * told, nothing of the image is kept, and all is sent as it is; resolves with the reason then. Throws what `send` and
 * reading throw.
 */
export async function sendPlain(
  image: LockedImage,
  source: ImageSource,
  { without, plainFrom, signal, plan, send }: PlainOptions,
): Promise<string | undefined> {
  const isAsked = source.isNear === true && plainFrom < Infinity;
  const sizes = isAsked ? await plainSizes(image, source, without, signal) : none;
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  try {
    await send(plan(total < plainFrom ? none : sizes));
    return undefined;
  } catch (fault) {
    if (!(fault instanceof UnexpectedContent)) throw fault;
    await send(plan(none));
    return fault.message;
  }
}

async function plainSizes(
  image: LockedImage,
  source: ImageSource,
  without: ReadonlySet<Digest>,
  signal: AbortSignal | undefined,
): Promise<PlainSizes> {
  const sizes = new Map<Digest, number>();
  for (const layer of image.layers) {
    if (without.has(layer.digest) || layer.size < trailerSize) continue;
    const stopping = signal === undefined ? {} : { signal };
    const range = { from: layer.size - trailerSize, to: layer.size, ...stopping };
    const end = await source.openBlob(image, layer, range);
    const trailer = await collect(end, trailerSize, `${image.reference}: blob ${layer.digest}`);
    const size = plainSizeOf(layer, trailer);
    if (size !== undefined) sizes.set(layer.digest, size);
  }
  return sizes;
}
