import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { mappingOf, type Mapping } from '../../core/mapping.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { canonicalHost, normalizeAuthKey, serverOf } from './auth-key.ts';

/**
 * The content of an auth file with another account for a host, or with none. Everything else stays as it is; keys that
 * are other names of the host go, since they would be in the way.
 */
export function withAccount(whole: Mapping, host: string, account: Mapping | undefined): Mapping {
  const others = Object.entries(mappingOf(whole['auths'])).filter(
    ([key]) => normalizeAuthKey(key) !== canonicalHost(host),
  );
  const own = account === undefined ? [] : [[serverOf(host), account] as const];
  return { ...whole, auths: Object.fromEntries([...others, ...own]) };
}

/**
 * Writes an auth file for its owner alone (mode 0600), whole or not at all; where it is a link, what that leads to.
 * Throws `E_CREDENTIALS`.
 */
export async function writeAuthFile(file: string, whole: Mapping): Promise<void> {
  try {
    await makeFolder(path.dirname(file), (folder) => mkdir(folder, 0o700));
    const target = await followLink(file);
    const part = path.join(path.dirname(target), `.packferry-${randomBytes(8).toString('hex')}.part`);
    try {
      const handle = await open(part, 'wx', 0o600);
      try {
        // Docker's client indents by tabs.
        await handle.writeFile(`${JSON.stringify(whole, null, '\t')}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(part, target);
    } finally {
      await rm(part, { force: true });
    }
  } catch (cause) {
    throw new PackferryError('E_CREDENTIALS', `${file} cannot be written: ${messageOf(cause)}`, {
      hint: 'Name a file in a folder of your own: --authfile FILE.',
      cause,
    });
  }
}

async function followLink(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return file;
    throw cause;
  }
}
