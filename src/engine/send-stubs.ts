import type { ArchivePlan } from '../archive/plan.ts';
import { plainSizeOf, trailerSize, UnexpectedContent } from '../archive/plain-layer.ts';
import { planStubArchive } from '../archive/stub-archive.ts';
import { collect } from '../core/collect.ts';
import type { Digest } from '../core/digest.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';

export interface StubOptions {
  /** The blobs of layers that Podman has. */
  readonly without: ReadonlySet<Digest>;
  /** Is each byte on the way to the engine cheaper than the engine's time? */
  readonly unpack: boolean;
  readonly signal: AbortSignal | undefined;
  readonly send: (plan: ArchivePlan) => Promise<void>;
}

/**
 * Sends Podman the layers of an image that it lacks, decompressed where that can be: it decompresses those of an archive
 * twice, once only to learn their size, and here that is done once anyway, to compare them with their diff IDs. Where a
 * layer turns out to have another content than its size told, nothing of the image is kept, and all is sent as it is;
 * resolves with the reason then. Throws what `send` and reading throw.
 */
export async function sendStubs(
  image: LockedImage,
  source: ImageSource,
  { without, unpack, signal, send }: StubOptions,
): Promise<string | undefined> {
  const sizes =
    unpack && source.isNear === true ? await plainSizes(image, source, without, signal) : undefined;
  try {
    await send(planStubArchive(image, without, sizes));
    return undefined;
  } catch (fault) {
    if (!(fault instanceof UnexpectedContent)) throw fault;
    await send(planStubArchive(image, without));
    return fault.message;
  }
}

async function plainSizes(
  image: LockedImage,
  source: ImageSource,
  without: ReadonlySet<Digest>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<Digest, number>> {
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
