import { packVolumes } from '../../src/archive/volumes.ts';
import type { BundleContent, LeftOut } from '../../src/bundle/document.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';

/** What of these images may stay out where the far side has those of `base`: the layers that they begin with, all in one place. */
export function leftOutBy(
  images: readonly LockedImage[],
  base: readonly LockedImage[],
  name = 'bundle test 1',
): LeftOut {
  const digests = base.map(({ layers }) => layers.map(({ digest }) => digest));
  const shared = images.flatMap(({ layers }) =>
    layers.filter((_, at) => {
      const chain = layers.slice(0, at + 1).map(({ digest }) => digest);
      return digests.some((other) => chain.every((digest, place) => other[place] === digest));
    }),
  );
  const requires = [...new Map(shared.map((layer) => [layer.digest, layer])).values()];
  return {
    base: [name],
    requires: requires.map(({ mediaType, digest, size }) => ({ mediaType, digest, size, base: name })),
  };
}

/** Images as the content of a bundle, perhaps without some layers. */
export function contentWith(images: readonly LockedImage[], leftOut?: LeftOut): BundleContent {
  const without = new Set(leftOut?.requires.map(({ digest }) => digest));
  const volumes = packVolumes(images, 2 ** 32, without);
  return {
    ...{ name: 'test', platform: defaultPlatform, findings: [], packs: [] },
    volumes: volumes.map((volume) => volume.map((image) => ({ image, usedBy: [] }))),
    ...(leftOut === undefined ? {} : { leftOut }),
  };
}
