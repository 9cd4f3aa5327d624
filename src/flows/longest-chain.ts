import type { Digest } from '../core/digest.ts';

/**
 * The best order of deliveries that lack such blobs (with their sizes), as places in the list: those first on which the longest chain
 * of bytes waits, where one can only follow another that brings a blob which it lacks too. Of several that lack a blob, the one with
 * the fewest bytes brings it. What lacks nothing is soon done, and goes before all others.
 */
export function longestChainFirst(lacking: readonly ReadonlyMap<Digest, number>[]): number[] {
  const links = lacking.map((blobs, place) => ({
    place,
    blobs,
    bytes: sum(blobs.values()),
    bases: new Set<{ longest: number }>(),
    /** Bytes that it brings. */
    own: 0,
    /** Bytes of the longest chain behind it. */
    longest: 0,
  }));
  const bringers = new Map<Digest, (typeof links)[number]>();
  const bySize = [...links].sort((a, b) => a.bytes - b.bytes);
  for (const link of bySize) {
    for (const [digest, size] of link.blobs) {
      const bringer = bringers.get(digest);
      if (bringer === undefined) {
        bringers.set(digest, link);
        link.own += size;
      } else link.bases.add(bringer);
    }
  }
  for (const { own, longest, bases } of bySize.reverse()) {
    for (const base of bases) base.longest = Math.max(base.longest, own + longest);
  }
  const first = links.filter(({ blobs }) => blobs.size === 0);
  const others = links.filter(({ blobs }) => blobs.size > 0);
  others.sort((a, b) => b.own + b.longest - (a.own + a.longest));
  return [...first, ...others].map(({ place }) => place);
}

function sum(sizes: Iterable<number>): number {
  let all = 0;
  for (const size of sizes) all += size;
  return all;
}
