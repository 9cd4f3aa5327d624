import type * as z from 'zod';
import { messageOf, PackferryError } from '../core/errors.ts';
import { parseReference, type ImageReference } from '../core/reference.ts';
import type { imageUse } from '../schema/parts.ts';
import { nativeValuesOf, type NativeImage } from './native-images.ts';
import type { ItemValue, PackItem } from './read-item.ts';

/** An image that an item of a pack runs in, and where the item says so. */
export type PackImageUse = Readonly<z.infer<typeof imageUse>> & {
  readonly reference: ImageReference;
  /** The item names no image: this is the one that the server then takes for its language. */
  readonly isDefault: boolean;
};

/** `python` and `powershell` items without an image run in these. Documented and used as fallback by the SDK. */
export const defaultImages: ReadonlyMap<string, string> = new Map([
  ['python', 'demisto/python:1.3-alpine'],
  ['powershell', 'demisto/powershell:6.2.3.5563'],
]);

/** Languages that run inside the server and need no image. */
const imageless = ['javascript'];

export interface ItemPlace {
  /** The id of the pack. */
  readonly pack: string;
  /** Pack and path inside it, with forward slashes. */
  readonly file: string;
  /** The real path, for messages. */
  readonly path: string;
}

export interface ImageOptions {
  /** Also the images that the server takes for items that name none. */
  readonly defaultImages: boolean;
  /** Also the images for old servers and for tests: `dockerimage45` and `alt_dockerimages`. */
  readonly alternatives?: boolean;
  /** Also the native images of these versions. */
  readonly native?: readonly NativeImage[];
}

/** Every image that is wanted for an item, the one that it runs in first. */
export function imagesOf(item: PackItem, place: ItemPlace, options: ImageOptions): PackImageUse[] {
  const own = imageOf(item, place, options.defaultImages);
  const uses = own === undefined ? [] : [own];
  if (options.alternatives === true) {
    if (item.dockerimage45 !== undefined) uses.push(use(item, place, 'dockerimage45', item.dockerimage45));
    uses.push(
      ...item.alternatives.map((entry) => use(item, place, `alt_dockerimages[${entry.index}]`, entry)),
    );
  }
  // What is pasted into other items does not run by itself.
  if (options.native !== undefined && !isShared(item)) {
    uses.push(...nativeValuesOf(item, options.native).map((value) => use(item, place, 'nativeimage', value)));
  }
  return uses;
}

/**
 * The image that an item runs in; undefined when it needs none. `dockerimage` always wins, whatever the language. The
 * shared code of `CommonServer*` and `*ApiModule` scripts is pasted into other items, so an image of its own is not
 * needed to run it; one that they name is carried all the same, for the safe side, but they get no default image.
 */
export function imageOf(item: PackItem, place: ItemPlace, withDefaults: boolean): PackImageUse | undefined {
  if (item.dockerimage !== undefined) return use(item, place, 'dockerimage', item.dockerimage);
  const standIn = item.type && defaultImages.get(item.type.value);
  if (!withDefaults || item.type === undefined || standIn === undefined || isShared(item)) return undefined;
  return use(item, place, 'type', { ...item.type, value: standIn });
}

/** Does the item name a language of which we know neither an image nor that it needs none? */
export function isUnknownLanguage({ dockerimage, type }: PackItem): boolean {
  if (dockerimage !== undefined || type === undefined) return false;
  return !defaultImages.has(type.value) && !imageless.includes(type.value);
}

function isShared({ kind, name = '' }: PackItem): boolean {
  return kind === 'script' && (name.startsWith('CommonServer') || name.endsWith('ApiModule'));
}

function use(
  item: PackItem,
  { pack, file, path }: ItemPlace,
  key: string,
  { value, line, column }: ItemValue,
): PackImageUse {
  const name = item.name ?? file;
  return {
    ...{ pack, item: name, kind: item.kind, file, line, column, key },
    reference: referenceAt(value, `${path}:${line}:${column}`),
    isDefault: key === 'type',
  };
}

function referenceAt(text: string, where: string): ImageReference {
  try {
    return parseReference(text);
  } catch (cause) {
    const hint = cause instanceof PackferryError ? cause.hint : undefined;
    throw new PackferryError('E_PACK_INVALID', `${where}: ${messageOf(cause)}`, {
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}
