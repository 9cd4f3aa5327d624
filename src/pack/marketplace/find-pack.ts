import { PackferryError } from '../../core/errors.ts';
import { nearestName } from '../../core/nearest.ts';
import type { MarketplacePack, PackIndex } from './pack-index.ts';

/**
 * Finds a pack by what someone wrote: its id, its exact name, or one of both in other capitals, in this order. Throws
 * `E_PACK_NOT_FOUND` that names what is near, or all ids that fit when the name is not clear; `E_PACK_INVALID` when the
 * index has only broken metadata of it.
 */
export function findPack({ packs, faults }: PackIndex, wanted: string): MarketplacePack {
  const exact = packs.get(wanted);
  if (exact !== undefined) return exact;
  const fault = faults.get(wanted);
  if (fault !== undefined) throw fault;
  const all = [...packs.values()];
  const folded = fold(wanted);
  const fits = [
    all.filter(({ name }) => name === wanted),
    all.filter(({ id, name }) => fold(id) === folded || fold(name) === folded),
  ].find(({ length }) => length > 0);
  const [found] = fits ?? [];
  if (found === undefined) throw notFound(wanted, all);
  if (fits !== undefined && fits.length > 1) throw unclear(wanted, fits);
  return found;
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

function unclear(wanted: string, fits: readonly MarketplacePack[]): PackferryError {
  const ids = fits.map(({ id }) => id);
  return new PackferryError(
    'E_PACK_NOT_FOUND',
    `${JSON.stringify(wanted)} fits ${fits.length} packs: ${ids.join(', ')}`,
    { hint: 'Name the one that you mean by its id.' },
  );
}

function notFound(wanted: string, all: readonly MarketplacePack[]): PackferryError {
  const near = nearestName(
    wanted,
    all.flatMap(({ id, name }) => [id, name]),
  );
  return new PackferryError('E_PACK_NOT_FOUND', `no pack ${JSON.stringify(wanted)} in the marketplace`, {
    hint:
      near === undefined
        ? 'Name a pack by its id or by its name in the marketplace.'
        : `Did you mean ${JSON.stringify(near)}?`,
  });
}
