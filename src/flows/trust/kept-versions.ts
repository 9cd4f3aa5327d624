import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../archive/atomic-file.ts';
import { isThere, writeFileWhole } from '../../bundle/files.ts';
import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { makeFolder } from '../../core/make-folder.ts';

/** The folder, in the folder of what a site remembers, of all versions of the files of trust. */
const versionsName = 'trust';

/** The name of an update among kept files. */
export const keptUpdateName = 'trust-update.json';

/** What is kept. */
export interface Keepsake {
  /** `version-0001-0123456789ab`: files that were replaced; `update-0002-...`: an update with its signatures. */
  readonly kind: 'version' | 'update';
  readonly version: number;
  /** Of the files, or of the update alone, in hex: keeping the same twice is once, and nothing is ever written over. */
  readonly sha256: string;
}

/** Keeps files of one version by their names. Returns their folder. Throws `E_OUTPUT_UNWRITABLE`. */
export async function keepVersion(
  state: string,
  keepsake: Keepsake,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  const folder = placeOf(state, keepsake);
  if (await isThere(folder)) return folder;
  const part = `${folder}.part`;
  try {
    await rm(part, { recursive: true, force: true });
    await makeFolder(part, (each) => mkdir(each, 0o755));
    for (const [name, bytes] of files) await writeFileWhole(path.join(part, name), bytes, 0o644);
    await syncFolder(part);
    await rename(part, folder);
    await syncFolder(path.dirname(folder));
  } catch (cause) {
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${folder} cannot be written: ${messageOf(cause)}`, {
      hint: 'Nothing was changed, for the old version must be kept. Name a folder that you may write to: --state DIR.',
      cause,
    });
  }
  return folder;
}

/** Was exactly this update kept here before? */
export async function isKept(
  state: string,
  { version, sha256, bytes }: { readonly version: number; readonly sha256: string; readonly bytes: Buffer },
): Promise<boolean> {
  const folder = placeOf(state, { kind: 'update', version, sha256 });
  const kept = await readFile(path.join(folder, keptUpdateName)).catch((fault: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(fault) ?? '')) return undefined;
    throw fault;
  });
  return kept?.equals(bytes) === true;
}

function placeOf(state: string, { kind, version, sha256 }: Keepsake): string {
  return path.join(state, versionsName, `${kind}-${String(version).padStart(4, '0')}-${sha256.slice(0, 12)}`);
}
