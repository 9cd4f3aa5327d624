import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { CarriedPack } from '../bundle/carried-packs.ts';
import type { SelectedPack, Selection } from './selection.ts';

/** The packs that a bundle of this selection carries: built zips whose version is known. None when none are wanted. */
export function packsToCarry({ manifest, packs }: Selection): CarriedPack[] {
  if (!manifest.carriesPacks) return [];
  const carried = new Map<string, CarriedPack>();
  for (const { id, version, zip } of packs) {
    if (zip === undefined || version === undefined) continue;
    const known = carried.get(id);
    if (known !== undefined) throw twice(known, zip);
    carried.set(id, { id, version, zip });
  }
  return [...carried.values()];
}

/** Warns of every pack that cannot be carried although packs are wanted. */
export function warnOfUncarried({ manifest, packs }: Selection, emit: Emit): void {
  if (!manifest.carriesPacks) return;
  for (const pack of packs) {
    const why = obstacleOf(pack);
    if (why === undefined) continue;
    emit({ type: 'note', level: 'warning', message: `pack ${pack.id} is not carried: ${pack.path} ${why}` });
  }
}

/** Why a pack cannot be carried; undefined when it can. */
function obstacleOf({ zip, version }: SelectedPack): string | undefined {
  if (zip === undefined) return 'is source; build it with demisto-sdk and name the zip';
  return version === undefined ? 'tells no version' : undefined;
}

function twice(known: CarriedPack, zip: string): PackferryError {
  return new PackferryError('E_PACK_INVALID', `two packs are called ${known.id}: ${known.zip} and ${zip}`, {
    hint: 'A bundle carries one version of a pack. Name only one of the two.',
  });
}
