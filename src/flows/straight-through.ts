import type { ImageSource, ImageTarget } from '../core/ports.ts';
import type { SourceEndpoint } from './source-endpoint.ts';

/**
 * Can images go from engines straight to these targets? Several would each want a save of their own, and most other
 * targets need manifests: for these an image is saved once and given one.
 */
export function takeStraight(targets: readonly ImageTarget[]): boolean {
  return targets.length === 1 && targets.every(({ takesSaves }) => takesSaves === true);
}

/** Are the images of such a source those of an engine? */
export function isEngine({ scheme }: SourceEndpoint): boolean {
  return scheme === 'docker' || scheme === 'podman' || scheme === 'ssh';
}

/**
 * A source that has nothing saved where its images can go straight to a target: they are resolved as they lie there. Names
 * with digests are looked for among the manifests all the same.
 */
export function withoutSaving(source: ImageSource): ImageSource {
  const { unpacked } = source;
  if (unpacked === undefined) return source;
  return {
    name: source.name,
    resolve: (reference, platform, signal) =>
      (reference.digest === undefined ? unpacked : source).resolve(reference, platform, signal),
    openBlob: (image, blob, options) => source.openBlob(image, blob, options),
    unpacked,
    close: () => source.close(),
  };
}
