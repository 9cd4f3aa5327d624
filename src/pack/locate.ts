import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { asPackferryError, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { findInArchive, isArchive } from './archive.ts';
import { fileAt, folderAt } from './folder.ts';
import type { FoundPack, Place } from './layout.ts';
import { unreadable } from './read-file.ts';
import { nearestSibling } from './siblings.ts';
import { bareName, isArchiveName, isYamlName } from './tree.ts';
import { walk, type FindOptions } from './walk.ts';

const whatToName =
  'Name a pack, a folder or an archive (zip, tar, tar.gz) with packs, or the yml file of an integration or script.';

/**
 * Finds the packs at a path, which may be a folder (see `walk`), an archive (see `findInArchive`), or a single YAML
 * item. Throws `E_PACK_NOT_FOUND` when nothing is there, `E_PACK_INVALID` when it is something else.
 */
export async function findPacks(given: string, options: FindOptions): Promise<FoundPack[]> {
  const info = await statOf(given);
  const place = { path: given, identity: await realpath(given) };
  const name = path.basename(path.resolve(given));
  if (info.isDirectory()) return await findInFolder(place, name, options);
  if (info.isFile() && isYamlName(name)) return [singleItem(place, name)];
  if (info.isFile() && (await mayBeArchive(given))) return await findInArchive(place, name, options);
  throw new PackferryError('E_PACK_INVALID', `${given}: neither a folder, an archive nor a yml file`, {
    hint: whatToName,
  });
}

/** The packs of a folder and of the archives beside them. */
async function findInFolder(place: Place, name: string, options: FindOptions): Promise<FoundPack[]> {
  const { packs, archives } = await walk(folderAt(place, options.report), name, options);
  const found = [...packs];
  for (const archive of archives) {
    if (!options.archives) {
      options.emit({ type: 'note', level: 'warning', message: `${archive.path}: skipped, an archive` });
      continue;
    }
    try {
      found.push(...(await findInArchive(archive, archive.name, options)));
    } catch (fault) {
      options.signal?.throwIfAborted();
      options.report(asPackferryError(fault));
    }
  }
  return found;
}

function singleItem(place: Place, name: string): FoundPack {
  const file = { ...place, inside: name, read: fileAt(place).take(limits.itemYaml) };
  const metadata = { metadata: undefined, builtMetadata: undefined };
  return { ...place, ...metadata, name: bareName(name), files: [file], isSingle: true };
}

/** A name that promises an archive is enough: what is wrong with it will then be told. */
async function mayBeArchive(given: string): Promise<boolean> {
  if (isArchiveName(given)) return true;
  try {
    return await isArchive(given);
  } catch (fault) {
    throw unreadable(given, 'E_PACK_INVALID', fault);
  }
}

async function statOf(given: string): Promise<Stats> {
  try {
    return await stat(given);
  } catch (cause) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '')) {
      throw unreadable(given, 'E_PACK_INVALID', cause);
    }
    const near = await nearestSibling(given);
    throw new PackferryError('E_PACK_NOT_FOUND', `${given}: no such file or folder`, {
      hint: near === undefined ? whatToName : `Did you mean ${near}?`,
      cause,
    });
  }
}
