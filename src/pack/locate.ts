import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import { fileAt, findInFolder, isArchiveName, isYamlName, type FolderOptions } from './folder.ts';
import type { FoundPack } from './layout.ts';
import { unreadable } from './read-file.ts';
import { nearestSibling } from './siblings.ts';

const whatToName =
  'Name the folder of a pack, a folder of packs, or the yml file of an integration or script.';

/**
 * Finds the packs at a path, which may be a folder (see `findInFolder`) or a single YAML item. Throws `E_PACK_NOT_FOUND`
 * when nothing is there, `E_PACK_INVALID` when it is something else.
 */
export async function findPacks(given: string, options: FolderOptions): Promise<FoundPack[]> {
  const info = await statOf(given);
  if (info.isDirectory()) return await findInFolder(given, options);
  const name = path.basename(given);
  if (!info.isFile() || !isYamlName(name)) throw notReadable(given);

  const place = { path: given, identity: await realpath(given) };
  return [{ ...place, id: path.parse(name).name, metadata: undefined, files: [fileAt(place, name)] }];
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

function notReadable(given: string): PackferryError {
  return isArchiveName(given)
    ? new PackferryError('E_PACK_INVALID', `${given}: archives cannot be read yet`, {
        hint: 'Unpack it and name the folder.',
      })
    : new PackferryError('E_PACK_INVALID', `${given}: neither a folder nor a yml file`, {
        hint: whatToName,
      });
}
