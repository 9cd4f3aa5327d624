import { PackferryError } from '../../core/errors.ts';
import { accountFor, helperFor, readAuthFile, type AuthFile } from './auth-file.ts';
import { normalizeAuthKey, canonicalHost } from './auth-key.ts';
import { withAccount, writeAuthFile } from './auth-file-write.ts';
import { basicAuthorization } from './credential.ts';
import { askHelper, eraseWithHelper, programOf, storeWithHelper, type HelperOptions } from './helper.ts';
import type { AuthFilePlace } from './places.ts';

/**
 * Stores the account of a host where it will be found: in the first file that knows the host, else in docker's, which is
 * the last; with the helper that the file names, else in the file itself. Returns where. Throws `E_CREDENTIALS`.
 */
export async function storeAccount(
  places: readonly AuthFilePlace[],
  host: string,
  account: { readonly username: string; readonly password: string },
  options: HelperOptions,
): Promise<string> {
  const files = await readAll(places);
  const target = files.find((file) => knows(file, host)) ?? files.at(-1);
  if (target === undefined) throw new PackferryError('E_INTERNAL', 'no file for accounts');
  const helper = helperFor(target, host);
  if (helper === undefined) {
    const auth = basicAuthorization(account).slice('Basic '.length);
    await writeAuthFile(target.file, withAccount(target.whole, host, { auth }));
    return target.file;
  }
  await storeWithHelper(helper, host, account, options);
  // As docker does, so that its file tells of the account.
  await writeAuthFile(target.file, withAccount(target.whole, host, {}));
  return programOf(helper);
}

/** Removes the account of a host from wherever it would be found. Returns from where. Throws `E_CREDENTIALS`. */
export async function removeAccount(
  places: readonly AuthFilePlace[],
  host: string,
  options: HelperOptions,
): Promise<string[]> {
  const removed: string[] = [];
  for (const file of await readAll(places)) {
    const helper = helperFor(file, host);
    if (helper !== undefined && (await askHelper(helper, host, options)) !== undefined) {
      await eraseWithHelper(helper, host, options);
      removed.push(programOf(helper));
    }
    if (!standsIn(file, host)) continue;
    const isAccount = accountFor(file, host, '') !== undefined;
    await writeAuthFile(file.file, withAccount(file.whole, host, undefined));
    if (isAccount) removed.push(file.file);
  }
  return removed;
}

async function readAll(places: readonly AuthFilePlace[]): Promise<AuthFile[]> {
  return Promise.all(places.map(async ({ file }) => (await readAuthFile(file)) ?? emptyFile(file)));
}

function emptyFile(file: string): AuthFile {
  return { file, document: {}, whole: {} };
}

/** Does the file itself have something to say of the host? */
function knows(file: AuthFile, host: string): boolean {
  const own = Object.keys(file.document.credHelpers ?? {});
  return standsIn(file, host) || own.some((key) => normalizeAuthKey(key) === canonicalHost(host));
}

function standsIn({ document }: AuthFile, host: string): boolean {
  return Object.keys(document.auths ?? {}).some((key) => normalizeAuthKey(key) === canonicalHost(host));
}
