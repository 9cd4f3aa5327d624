import { PackferryError } from '../../core/errors.ts';

const idPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const versionPattern = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

/** Can this be the id of a pack? It becomes a part of addresses and paths, so it must lead nowhere else. */
export function isPackId(text: string): boolean {
  return idPattern.test(text);
}

/** Can this be a version of a pack? Becomes a part of addresses and paths as well. */
export function isPackVersion(text: string): boolean {
  return versionPattern.test(text);
}

/** Where the zip of a pack lies below the base URL, and in the cache. Throws `E_PACK_INVALID` for unsafe names. */
export function zipPathOf(id: string, version: string): string {
  if (!isPackId(id)) throw new PackferryError('E_PACK_INVALID', `${JSON.stringify(id)} is no id of a pack`);
  if (!isPackVersion(version)) {
    throw new PackferryError('E_PACK_INVALID', `${id}: ${JSON.stringify(version)} is no version of a pack`);
  }
  return `${id}/${version}/${id}.zip`;
}
