import { stat } from 'node:fs/promises';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';

const hint = 'Give the folder of a copy of https://github.com/demisto/dockerfiles-info.';

/**
 * Makes sure that an option names a folder, which is to be a copy of the vendor's image metadata. Throws `E_USAGE`.
 * @param option with its dashes
 */
export async function requireMetadataFolder(option: string, folder: string): Promise<void> {
  const stats = await stat(folder).catch((cause: unknown) => {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '');
    const why = isMissing ? 'no such folder' : messageOf(cause);
    throw new PackferryError('E_USAGE', `${option} ${folder}: ${why}`, { hint, cause });
  });
  if (!stats.isDirectory()) throw new PackferryError('E_USAGE', `${option} ${folder}: no folder`, { hint });
}

/** The error for a folder in which nothing of that kind was found. */
export function noMetadataIn(option: string, folder: string): PackferryError {
  return new PackferryError('E_USAGE', `${option} ${folder}: there is no image metadata in it`, { hint });
}
