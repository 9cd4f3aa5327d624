import { lstat, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { KeyPair } from './keygen.ts';

/**
 * Writes the private key to `path` (mode 0600) and the public one to `path.pub` (mode 0644), synced to disk. Never
 * overwrites: `E_OUTPUT_EXISTS`. Makes the folder (mode 0700) when it alone is missing, as `~/.ssh` of a new user is. Both are written or none; any other failure is `E_OUTPUT_UNWRITABLE`.
 */
export async function writeKeyPair(
  path: string,
  pair: Pick<KeyPair, 'privateKey' | 'publicKey'>,
): Promise<void> {
  // What is wrong with the folder shows when the file is made.
  await mkdir(dirname(path), { mode: 0o700 }).catch(() => undefined);
  await writeNew(path, pair.privateKey, 0o600);
  try {
    await writeNew(`${path}.pub`, pair.publicKey, 0o644);
  } catch (fault) {
    await rm(path, { force: true });
    throw fault;
  }
}

/** Throws `E_OUTPUT_EXISTS` when one of the two files is there, so that nobody thinks of a passphrase for nothing. */
export async function refuseKeyPair(path: string): Promise<void> {
  for (const file of [path, `${path}.pub`]) {
    const isFree = await lstat(file).then(
      () => false,
      () => true,
    );
    if (!isFree) throw taken(file);
  }
}

/** Creates a file that must not exist; removes it again when it cannot be completed. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode).catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (cause) {
    await rm(path, { force: true });
    throw unwritable(path, cause);
  } finally {
    await handle.close();
  }
}

function unwritable(path: string, cause: unknown): PackferryError {
  if (systemCodeOf(cause) === 'EEXIST') return taken(path, cause);
  return new PackferryError('E_OUTPUT_UNWRITABLE', `${path}: ${messageOf(cause)}`, {
    hint: 'Choose a folder that exists and that you may write to.',
    cause,
  });
}

function taken(path: string, cause?: unknown): PackferryError {
  return new PackferryError(
    'E_OUTPUT_EXISTS',
    `${path}: there is a file already; keys are never overwritten`,
    { hint: 'Choose another name, or move the old key pair away.', cause },
  );
}
