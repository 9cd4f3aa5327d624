import type { Stats } from 'node:fs';
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { messageOf, PackferryError } from '../core/errors.ts';

/** The numeric user; -1 on Windows, where modes mean nothing; undefined for a user without an account entry. */
export function currentUser(): number | undefined {
  try {
    return userInfo().uid;
  } catch {
    return undefined;
  }
}

/**
 * Refuses a file that decides on trust when somebody else than root and the current user could change it or put another
 * in its place: the file and the folders above it, up to `home` or else the root, as sshd's StrictModes does it. Links
 * are followed, and looked at themselves; a folder may be open to all when it has the sticky bit. Throws `E_TRUST_UNSAFE` with the command that
 * mends it, and `E_TRUST_UNREADABLE`.
 */
export async function checkGuarded(file: string, home: string): Promise<void> {
  const user = currentUser();
  if (user === -1) return;
  for (const place of await placesAbove(file, home)) {
    const stats = await looked(place);
    if (stats.uid !== 0 && stats.uid !== user) {
      const owner = user === undefined || user === 0 ? 'root' : `root or you (${user})`;
      throw unsafe(
        file,
        place,
        `belongs to the user ${stats.uid}, not to ${owner}`,
        `chown ${user ?? 0} ${place}`,
      );
    }
    if (isOpenToOthers(stats)) {
      throw unsafe(file, place, `can be changed by others (mode ${modeOf(stats)})`, `chmod go-w ${place}`);
    }
  }
}

/** The mode of a file that everybody or its group may change, for a warning; undefined when all is well or not known. */
export async function looseModeOf(file: string): Promise<string | undefined> {
  if (currentUser() === -1) return undefined;
  const stats = await stat(file).catch(() => undefined);
  return stats !== undefined && isOpenToOthers(stats) ? modeOf(stats) : undefined;
}

/**
 * The file and its folders, as they are named and as they really are: whoever can exchange a link on the way decides
 * where it leads.
 */
async function placesAbove(file: string, home: string): Promise<string[]> {
  const tops = new Set([path.resolve(home), await realpath(home).catch(() => home)]);
  const places = new Set<string>();
  const visit = async (place: string): Promise<void> => {
    if (places.has(place)) return;
    places.add(place);
    const target = (await looked(place)).isSymbolicLink() ? await readlink(place) : undefined;
    const folder = path.dirname(place);
    // A relative target starts from where its folder really is.
    if (target !== undefined) await visit(path.resolve(await realpath(folder), target));
    if (!tops.has(place)) await visit(folder);
  };
  try {
    // Fails for links that lead nowhere or round and round.
    await visit(await realpath(file));
    await visit(path.resolve(file));
    return [...places];
  } catch (cause) {
    throw cause instanceof PackferryError ? cause : unreadable(file, cause);
  }
}

async function looked(place: string): Promise<Stats> {
  try {
    return await lstat(place);
  } catch (cause) {
    throw unreadable(place, cause);
  }
}

/** In a folder with the sticky bit, nobody can replace what belongs to somebody else. */
function isOpenToOthers(stats: Stats): boolean {
  // The mode of a link says nothing.
  if (stats.isSymbolicLink()) return false;
  const isSticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0;
  return (stats.mode & 0o022) !== 0 && !isSticky;
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function unsafe(file: string, place: string, fault: string, command: string): PackferryError {
  const message = place === file ? `${file} ${fault}` : `${file}: ${place} ${fault}`;
  return new PackferryError('E_TRUST_UNSAFE', `${message}, and it decides on what is trusted`, {
    hint: `When its content is what it should be: ${command}`,
  });
}

function unreadable(place: string, cause: unknown): PackferryError {
  return new PackferryError('E_TRUST_UNREADABLE', `${place}: ${messageOf(cause)}`, {
    hint: 'Make it readable, or remove the link.',
    cause,
  });
}
