import { PackferryError } from '../core/errors.ts';
import { parseReference } from '../core/reference.ts';
import type { ItemValue, PackItem } from './read-item.ts';

/** A native image: one large image in which servers of version 8 run items that would otherwise need many. */
export interface NativeImage {
  /** `8.8` */
  readonly version: string;
  /** The image, as the vendor's file writes it. */
  readonly reference: string;
  /** Names, without organisation and tag, of the images that it stands in for. */
  readonly supported: ReadonlySet<string>;
  /** Ids of items that do not run in it all the same. */
  readonly ignoredItems: ReadonlySet<string>;
}

/**
 * The native images that an item runs in, with the place that says so: the item's own list, which builds write, or else
 * the image that the native one stands in for.
 */
export function nativeValuesOf(item: PackItem, natives: readonly NativeImage[]): ItemValue[] {
  return natives.flatMap((native) => {
    const place = item.native === undefined ? supportedBy(native, item) : listedFor(native, item.native);
    return place === undefined ? [] : [{ ...place, value: native.reference }];
  });
}

function listedFor({ version }: NativeImage, listed: readonly ItemValue[]): ItemValue | undefined {
  return listed.find(({ value }) => value === version);
}

function supportedBy({ supported, ignoredItems }: NativeImage, item: PackItem): ItemValue | undefined {
  const { dockerimage, id, name } = item;
  if (dockerimage === undefined || ignoredItems.has(id ?? name ?? '')) return undefined;
  return supported.has(baseNameOf(dockerimage.value)) ? dockerimage : undefined;
}

/** `python3` of `demisto/python3:3.12`. Broken references are reported where they are read for their own sake. */
function baseNameOf(text: string): string {
  try {
    return parseReference(text).repository.split('/').at(-1) ?? '';
  } catch (fault) {
    if (fault instanceof PackferryError) return '';
    throw fault;
  }
}
