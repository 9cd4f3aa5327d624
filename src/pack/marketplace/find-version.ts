import { PackferryError } from '../../core/errors.ts';
import { nearestName } from '../../core/nearest.ts';
import type { Marketplace } from './marketplace.ts';
import type { MarketplacePack } from './pack-index.ts';
import { isPackVersion, zipPathOf } from './pack-names.ts';

/** The version that stands for the current one. */
export const anyVersion = '*';

/**
 * Finds out whether a pack is to be had in a version. What the index does not know the bucket is asked for, since the
 * index forgets versions that are still there. Throws `E_PACK_NOT_FOUND` that names what is near.
 */
export async function findVersion(
  marketplace: Marketplace,
  { id, version: current }: MarketplacePack,
  wanted: string,
): Promise<string> {
  if (wanted === anyVersion || wanted === current) return current;
  if (isPackVersion(wanted)) {
    const { index, bucket } = marketplace;
    if ((await index.versionsOf(id)).includes(wanted)) return wanted;
    if (await bucket.has(zipPathOf(id, wanted), `pack ${id} ${wanted}`)) return wanted;
  }
  throw new PackferryError(
    'E_PACK_NOT_FOUND',
    `pack ${id}: no version ${JSON.stringify(wanted)} in the marketplace`,
    { hint: await hintForVersion(marketplace, id, wanted) },
  );
}

/** What to say when a version of a pack is not there. */
export async function hintForVersion({ index }: Marketplace, id: string, wanted: string): Promise<string> {
  const others = (await index.versionsOf(id)).filter((version) => version !== wanted);
  const near = nearestName(wanted, others);
  const guess = near === undefined ? [] : [`Did you mean ${near}?`];
  const current = index.packs.get(id)?.version;
  const newest = current === undefined || current === near ? [] : [`The current version is ${current}.`];
  const hint = [...guess, ...newest].join(' ');
  return hint === '' ? 'Name another version.' : hint;
}
