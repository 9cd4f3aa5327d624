import { access, chmod, constants, lstat, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../archive/atomic-file.ts';
import { writeFileWhole } from '../../bundle/files.ts';
import { withLockFile, type Owner } from '../../bundle/lock-file.ts';
import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { readTrustFile, trustFileNames, type TrustFile, type TrustTexts } from './files.ts';
import { currentFolder, finishGeneration } from './generation.ts';

/** Reads the files of trust that count in a folder. */
export async function readTrustTexts(folder: string): Promise<TrustTexts> {
  const current = await currentFolder(folder);
  const [allowed, revoked, policy] = await Promise.all(
    trustFileNames.map((name) => readTrustFile(current, name)),
  );
  return { allowed_signers: allowed, revoked_keys: revoked, 'policy.json': policy };
}

/**
 * Runs with a folder of files of trust that nobody else writes, made (mode 0755) when it is not there, in which an update
 * that was cut off is finished first. `seen` is what was read before somebody was asked. Throws `E_OUTPUT_UNWRITABLE`;
 * `E_TRUST_CONFLICT` when another packferry is at it, or the files have changed since.
 */
export async function withTrustFolder<T>(
  folder: string,
  owner: Owner,
  seen: TrustTexts,
  use: () => Promise<T>,
): Promise<T> {
  await makeWritable(folder);
  const file = path.join(folder, '.trust.lock');
  const held = (holder: string): PackferryError =>
    new PackferryError('E_TRUST_CONFLICT', `${folder}: another packferry is writing there${holder}`, {
      hint: `Wait for it. If none is running, remove ${file}.`,
    });
  return withLockFile(file, { owner, held }, async () => {
    await finishGeneration(folder);
    const now = await readTrustTexts(folder);
    for (const name of trustFileNames) {
      if (same(seen[name], now[name])) continue;
      throw new PackferryError('E_TRUST_CONFLICT', `${path.join(folder, name)} has changed meanwhile`, {
        hint: 'Nothing was written. Look at it, and run the same command again.',
      });
    }
    return use();
  });
}

/** Writes one file of trust whole, mode 0644. It must be a plain file, or absent: a link would silently become one. */
export async function writeTrustFile(folder: string, name: TrustFile, bytes: Uint8Array): Promise<void> {
  await writeFileWhole(path.join(folder, name), bytes, 0o644, { isExact: true });
  await syncFolder(folder);
}

async function makeWritable(folder: string): Promise<void> {
  try {
    if (await makeFolder(folder, (each) => mkdir(each, 0o755))) await chmod(folder, 0o755);
    const info = await lstat(folder);
    if (info.isSymbolicLink()) throw unwritable(folder, 'it is a link; name the folder itself');
    await access(folder, constants.W_OK);
    for (const name of trustFileNames) await refuseOdd(path.join(folder, name));
  } catch (cause) {
    if (cause instanceof PackferryError) throw cause;
    const isDenied = ['EACCES', 'EPERM'].includes(systemCodeOf(cause) ?? '');
    throw unwritable(folder, isDenied ? 'you may not write there' : messageOf(cause), cause);
  }
}

async function refuseOdd(file: string): Promise<void> {
  try {
    const info = await lstat(file);
    if (!info.isFile()) throw unwritable(file, 'it is no plain file, and packferry writes nothing else');
  } catch (fault) {
    if (systemCodeOf(fault) !== 'ENOENT') throw fault;
  }
}

function same(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

function unwritable(name: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_OUTPUT_UNWRITABLE', `${name} cannot be written: ${why}`, {
    hint: 'The files of the machine (--system) are written by root; your own (--user) by you. --dir names another folder.',
    ...(cause === undefined ? {} : { cause }),
  });
}
