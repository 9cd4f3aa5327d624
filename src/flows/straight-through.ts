import type { ImageSource, ImageTarget } from '../core/ports.ts';
import { usualTargetsAtOnce } from './pace.ts';
import type { SourceEndpoint } from './source-endpoint.ts';

/**
 * Can images go from engines straight to these targets? All have to load at the same time, since an engine saves an image
 * as a whole: those that come later would want it saved once more. Other targets than engines need manifests. For these
 * an image is saved into a file once, and given one.
 */
export function takeStraight(targets: readonly ImageTarget[], targetsAtOnce = usualTargetsAtOnce): boolean {
  return targets.length <= targetsAtOnce && targets.every(({ takesSaves }) => takesSaves === true);
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
