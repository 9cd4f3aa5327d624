import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { isGlob, matchesPart } from '../core/glob.ts';
import { limits } from '../core/limits.ts';

/** The text of an ssh_config file; undefined when it is not there and need not be. Throws `E_SSH_CONFIG`. */
export async function readConfigText(place: {
  readonly file: string;
  readonly isNeeded: boolean;
}): Promise<string | undefined> {
  try {
    return (await collect(createReadStream(place.file), limits.sshConfig, place.file)).toString('utf8');
  } catch (cause) {
    if (!place.isNeeded && ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '')) return undefined;
    throw new PackferryError('E_SSH_CONFIG', `${place.file}: cannot be read: ${messageOf(cause)}`, {
      hint: 'Make it readable, or name another one: --ssh-config FILE.',
      cause,
    });
  }
}

/** The files that a word of Include names, in the order of their names: `~`, wildcards, relative to `folder`. */
export async function filesOfPattern(word: string, folder: string, home: string): Promise<string[]> {
  const expanded = word.startsWith('~/') ? path.join(home, word.slice(2)) : word;
  const [root = '', ...parts] = path.resolve(folder, expanded).split('/');
  let found = [root];
  for (const part of parts) {
    if (!isGlob(part)) {
      found = found.map((at) => `${at}/${part}`);
      continue;
    }
    const next = await Promise.all(found.map((at) => entriesMatching(at, part)));
    found = next.flat().slice(0, limits.sshConfigFiles + 1);
  }
  return found;
}

async function entriesMatching(folder: string, pattern: string): Promise<string[]> {
  try {
    const names = await readdir(folder === '' ? '/' : folder);
    const isHidden = (name: string): boolean => name.startsWith('.') && !pattern.startsWith('.');
    return names
      .filter((name) => !isHidden(name) && matchesPart(pattern, name))
      .sort()
      .map((name) => `${folder}/${name}`);
  } catch {
    // As a shell: a folder that is not there has nothing that fits.
    return [];
  }
}
