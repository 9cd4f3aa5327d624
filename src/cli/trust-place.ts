import path from 'node:path';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { trustFileNames } from '../flows/trust/files.ts';
import { readTrustTexts } from '../flows/trust/folder.ts';
import type { AllowedSigner } from '../trust/allowed-line.ts';
import { parseSignerLines } from '../trust/allowed-signers.ts';
import { readRevokedKeys, type RevokedKeys } from '../trust/revoked-keys.ts';
import { configurationFolders, firstOf, guardedFirstOf, warnWhenLoose } from './configured.ts';
import { noHome, type Context } from './context.ts';
import type { PlaceOptions } from './place-options.ts';
import type { Session } from './session.ts';

/** The folder that was chosen: the machine's for root, else the user's. `E_USAGE` for a user without a home. */
export function trustFolder(context: Context, options: PlaceOptions): string {
  const { system, user } = configurationFolders(context);
  if (options.dir !== undefined) return path.resolve(options.dir);
  if (options.system === true || (options.user !== true && context.uid === 0)) return system;
  if (!user.startsWith(noHome + path.sep)) return user;
  throw new PackferryError('E_USAGE', 'you have no home folder, so there are no files of your own', {
    hint: 'Give --system (as root) or --dir FOLDER, or set XDG_CONFIG_HOME.',
  });
}

/** The folders to look at: the one that was chosen, else the machine's and the user's, in the order in which they count. */
export function trustFolders(context: Context, options: PlaceOptions): string[] {
  const isChosen = options.dir !== undefined || options.system === true || options.user === true;
  const { system, user } = configurationFolders(context);
  return isChosen ? [trustFolder(context, options)] : [system, user];
}

/** The lists of revoked keys of the machine and the user that do not lie in this folder: they count as well. */
export async function otherLists(context: Context, folder: string): Promise<RevokedKeys[]> {
  const { system, user } = configurationFolders(context);
  const folders = [system, user].filter((one) => one !== folder);
  const hint = 'Make it readable: it may list keys that are revoked.';
  const files = await Promise.all(
    folders.map((one) => firstOf([path.join(one, 'revoked_keys')], 'E_TRUST_UNREADABLE', hint)),
  );
  return Promise.all(files.filter((file) => file !== undefined).map(readRevokedKeys));
}

/**
 * The trusted keys of the folders that have any, in this order. A file that cannot be read is told and left out: it must
 * not keep anybody from revoking a key.
 */
export async function knownSigners(
  folders: readonly string[],
  emit: Emit,
): Promise<{ readonly folder: string; readonly signers: readonly AllowedSigner[] }[]> {
  const found = await Promise.all(
    folders.map(async (folder) => {
      try {
        const { allowed_signers: bytes } = await readTrustTexts(folder);
        return bytes && { folder, signers: parseSignerLines(bytes, path.join(folder, 'allowed_signers')) };
      } catch (fault) {
        emit({ type: 'note', level: 'warning', message: asPackferryError(fault).message });
        return undefined;
      }
    }),
  );
  return found.filter((one) => one !== undefined);
}

/**
 * Refuses files of trust that others could change before they are built upon: written anew, they would look as if they
 * were safe. In a folder that was named this is only told.
 */
export async function checkTrustFiles(
  { context, emit }: Pick<Session, 'context' | 'emit'>,
  folder: string,
): Promise<void> {
  const { system, user } = configurationFolders(context);
  const files = trustFileNames.map((name) => path.join(folder, name));
  for (const file of files) {
    if ([system, user].includes(folder)) await guardedFirstOf([file], context, 'Make it readable.');
    else await warnWhenLoose(file, emit);
  }
}
