import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { whyUnwritable } from '../core/unwritable.ts';

/**
 * Can a file be written there, as `writeFileWhole` does? To be asked before long work of which it is to be the result. Throws
 * `E_OUTPUT_UNWRITABLE`.
 */
export async function checkFilePlace(file: string): Promise<void> {
  const folder = path.dirname(file);
  try {
    await checkFolder(folder);
  } catch (cause) {
    throw refused(file, whyNot(folder, cause), cause);
  }
  const isFolder = await stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) throw refused(file, 'it is a folder');
}

/**
 * Can a folder be made there, and written? Of one that is missing, the nearest one above it that is there counts. Throws
 * `E_OUTPUT_UNWRITABLE`.
 */
export async function checkFolderPlace(dir: string, nearest = dir): Promise<void> {
  try {
    await checkFolder(nearest);
  } catch (cause) {
    const above = path.dirname(path.resolve(nearest));
    if (systemCodeOf(cause) !== 'ENOENT' || above === path.resolve(nearest))
      throw unwritableFolder(dir, cause);
    await checkFolderPlace(dir, above);
  }
}

async function checkFolder(folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is no folder`);
  await access(folder, constants.W_OK | constants.X_OK);
}

export function unwritableFolder(dir: string, cause: unknown): PackferryError {
  return new PackferryError(
    'E_OUTPUT_UNWRITABLE',
    `${dir} cannot be made or written: ${whyUnwritable(cause)}`,
    {
      hint: 'Give a folder that you may write to.',
      cause,
    },
  );
}

function whyNot(folder: string, cause: unknown): string {
  const code = systemCodeOf(cause);
  if (code === 'ENOENT') return `the folder ${folder} does not exist`;
  if (code === 'EACCES') return `you may not write into ${folder}`;
  return code === 'EROFS' ? `the disk of ${folder} is read-only` : messageOf(cause);
}

function refused(file: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_OUTPUT_UNWRITABLE', `${file} cannot be written: ${why}`, {
    hint: 'Name a file in a folder that exists and that you may write to.',
    cause,
  });
}
