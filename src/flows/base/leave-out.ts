import type { LeftOut } from '../../bundle/document.ts';
import { chainIdsOf } from '../../core/chain-id.ts';
import type { Digest } from '../../core/digest.ts';
import type { Emit } from '../../core/events.ts';
import type { LockedImage } from '../../core/image.ts';
import type { RequiredBlob } from '../../schema/bundle.ts';
import type { Base } from './base.ts';

/**
 * The layers that some base has in every image that needs them: a bundle can do without these. One that several bases have
 * counts for the first. Tells which bases have none of the layers.
 */
export function leaveOut(images: readonly LockedImage[], bases: readonly Base[], emit: Emit): LeftOut {
  const documents = images.flatMap(({ manifest, config }) => [manifest.digest, config.digest]);
  const carried = new Set<Digest>(documents);
  const found = new Map<Digest, RequiredBlob>();
  const useful = new Set<Base>();
  for (const { layers } of images) {
    const chain = chainIdsOf(layers.map(({ diffId }) => diffId));
    for (const [at, { mediaType, digest, size }] of layers.entries()) {
      const chainId = chain[at] ?? digest;
      const holders = bases.flatMap((base) => {
        const there = base.find({ digest }, chainId);
        return there === undefined ? [] : [{ base, there }];
      });
      for (const { base } of holders) useful.add(base);
      const [first] = holders;
      if (first === undefined) carried.add(digest);
      else if (!found.has(digest))
        found.set(digest, { mediaType, digest, size, base: first.base.name, ...first.there });
    }
  }
  for (const base of images.length === 0 ? [] : bases) {
    const message = `${base.given} has none of the layers that are needed: nothing is left out for it`;
    if (!useful.has(base)) emit({ type: 'note', level: 'warning', message });
  }
  const requires = [...found.values()].filter(({ digest }) => !carried.has(digest));
  const names = new Set(requires.map(({ base }) => base));
  return { requires, base: [...new Set(bases.map(({ name }) => name))].filter((name) => names.has(name)) };
}

/** The same images without the layers that are left out: what is carried of them. */
export function carriedOf(
  images: readonly LockedImage[],
  requires: readonly Pick<RequiredBlob, 'digest'>[],
): readonly LockedImage[] {
  const without = new Set(requires.map(({ digest }) => digest));
  return images.map((image) => ({
    ...image,
    layers: image.layers.filter(({ digest }) => !without.has(digest)),
  }));
}
