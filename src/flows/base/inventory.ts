import { someOf } from '../../core/some-of.ts';
import { inventoryReport, type InventoryReport } from '../../schema/reports-hosts.ts';
import { baseInvalid, baseOfImages, type Base, type HeldImage } from './base.ts';

/**
 * What hosts have: only what every one of them has counts. Throws `E_BASE_INVALID` when one of them could not be asked: nobody knows
 * what it has.
 */
export function baseOfInventory(given: string, value: unknown): Base {
  const parsed = inventoryReport.safeParse(value);
  if (!parsed.success) {
    const hint = 'Give the folder of a bundle, a receipt, or what "packferry inventory -o" wrote.';
    throw baseInvalid(given, 'it is neither a bundle, a receipt nor an inventory', hint, parsed.error);
  }
  const { hosts, images, takenAt } = parsed.data;
  const lost = hosts.flatMap(({ name, error }) => (error === undefined ? [] : [name]));
  if (lost.length > 0) {
    const hint = 'Take the inventory again when they answer, or without the hosts that get no images.';
    throw baseInvalid(given, `${someOf(lost)} could not be asked, so nobody knows what is there`, hint);
  }
  if (hosts.length === 0) {
    throw baseInvalid(given, 'it has no host', 'Take the inventory again: packferry inventory -o FILE');
  }
  const holders = hosts.map(({ name }) => images.flatMap((image) => heldBy(name, image)));
  const number = hosts.length === 1 ? '1 host' : `${hosts.length} hosts`;
  return baseOfImages(given, `inventory of ${number}, ${takenAt}`, holders);
}

/** What a host has under one name; the digests of blobs are not told. An image that is not there whole counts for nothing. */
function heldBy(host: string, { reference, held }: InventoryReport['images'][number]): HeldImage[] {
  return held
    .filter(({ hosts, is }) => hosts.includes(host) && is !== 'damaged')
    .map(({ layers }) => ({ reference, layers: layers.map((diffId) => ({ diffId })) }));
}
