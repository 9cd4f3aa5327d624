import { isDigest, type Digest } from '../core/digest.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Layer, LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { mediaTypes } from '../core/media-types.ts';
import { platformFrom, type Platform } from '../core/platform.ts';
import type { UnpackedImages } from '../core/ports.ts';
import { formatReference, lockedNameOf, type ImageReference } from '../core/reference.ts';
import { connectionBroke } from './broken-way.ts';
import type { Engine } from './engine.ts';
import { askForImage } from './engine-image.ts';
import { saveStream } from './engine-save.ts';
import type { Inspection } from './inspection.ts';
import { inTime } from './patience.ts';
import { sourceFault } from './source-fault.ts';

export interface UnpackedOptions {
  /** Milliseconds; see `EngineSourceOptions`. */
  readonly inspectWithin: number;
  readonly saveIdle: number;
  /** The engine is on another machine: what breaks of the way there is told as such. */
  readonly isRemote: boolean;
}

/**
 * The images of an engine that calls them by their config, as it tells of them. Faults have the codes of a source; saves
 * whose connection broke have `sourceBroke` in their details.
 */
export function unpackedImages(engine: Engine, options: UnpackedOptions): UnpackedImages {
  const { inspectWithin } = options;
  return {
    async resolve(reference, platform, signal) {
      const what = `${formatReference(reference)}: ${engine.name}`;
      try {
        const { id, inspection } = await inTime(what, inspectWithin, signal, (both) =>
          askForImage(engine, reference, platform, both),
        );
        return unpackedImage(reference, platform, id, inspection, engine.name);
      } catch (fault) {
        signal?.throwIfAborted();
        throw sourceFault(fault);
      }
    },
    openSave: (image, { signal } = {}) => openSave(engine, image, { ...options, signal }),
  };
}

async function* openSave(
  engine: Engine,
  { reference, config }: LockedImage,
  { saveIdle, isRemote, signal }: UnpackedOptions & { readonly signal: AbortSignal | undefined },
): AsyncGenerator<Buffer> {
  try {
    yield* saveStream(engine, config.digest, { image: reference, saveIdle, signal });
  } catch (fault) {
    signal?.throwIfAborted();
    const broke = isRemote && connectionBroke(asPackferryError(fault));
    throw sourceFault(fault, broke ? { sourceBroke: true } : {});
  }
}

function unpackedImage(
  reference: ImageReference,
  wanted: Platform,
  id: Digest,
  { RootFS, Os, Architecture, Variant, Size }: Inspection,
  source: string,
): LockedImage {
  const name = lockedNameOf(reference);
  const listed = RootFS?.Layers ?? [];
  const diffIds = listed.filter(isDigest);
  if (diffIds.length !== listed.length || listed.length > limits.layers) {
    throw new PackferryError('E_ENGINE_PROTOCOL', `${name}: ${source} lists layers for it that are none`, {
      hint: 'Is this the socket of Docker or Podman?',
    });
  }
  const size = Math.floor(Math.max(0, Size ?? 0) / Math.max(1, diffIds.length));
  const layers = diffIds.map((diffId): Layer => {
    return { mediaType: mediaTypes.ociLayer, digest: diffId, size, diffId };
  });
  const config = { mediaType: mediaTypes.ociConfig, digest: id, size: 0 };
  const platform =
    platformFrom({ os: Os ?? '', architecture: Architecture ?? '', variant: Variant }) ?? wanted;
  return { reference: name, platform, manifest: config, config, layers, source, isUnpacked: true };
}
