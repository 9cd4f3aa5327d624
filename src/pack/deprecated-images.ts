import { nameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { PackferryError } from '../core/errors.ts';
import { deprecatedImagesSchema } from '../schema/pack.ts';
import { readVendorList } from './vendor-list.ts';

/** What the vendor says of an image that it has given up. */
export interface Deprecation {
  /** The day in UTC, `2022-05-31`; undefined when the list has none. */
  readonly since: string | undefined;
  readonly reason: string | undefined;
}

/** Deprecations by `registry/repository`: all tags of an image are meant. */
export type DeprecatedImages = ReadonlyMap<string, Deprecation>;

/** Reads the vendor's `deprecated_images.json`. Throws `E_MANIFEST_INVALID`. */
export async function readDeprecatedImages(file: string): Promise<DeprecatedImages> {
  const list = await readVendorList(file, deprecatedImagesSchema);
  return new Map(
    list.map(({ image_name: name, created_time_utc: created, reason }) => [
      keyOf(name, file),
      { since: dayOf(created ?? ''), reason: reason ?? undefined },
    ]),
  );
}

/** What the list says of an image; undefined when it is not on it. */
export function deprecationOf(list: DeprecatedImages, reference: ImageReference): Deprecation | undefined {
  return list.get(nameOf(reference));
}

function keyOf(name: string, file: string): string {
  try {
    return nameOf(parseReference(name));
  } catch (cause) {
    if (!(cause instanceof PackferryError)) throw cause;
    throw new PackferryError('E_MANIFEST_INVALID', `${file}: ${cause.message}`, { cause });
  }
}

/** The list has two formats: `2022-05-31T17:51:17.226278Z` and `2025-09-15 13:52:21.933780`, both in UTC. */
function dayOf(created: string): string | undefined {
  return /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9:.]+Z?$/.exec(created)?.[1];
}
