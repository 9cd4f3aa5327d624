import { messageOf, systemCodeOf } from './errors.ts';

const words: ReadonlyMap<string | undefined, string> = new Map([
  ['EACCES', 'this user may not write there'],
  ['EROFS', 'its file system can only be read'],
  ['ENOTDIR', 'a file stands where a folder has to be'],
]);

/** Why a place cannot be written, in words for people where the system's own are none. */
export function whyUnwritable(fault: unknown): string {
  return words.get(systemCodeOf(fault)) ?? messageOf(fault);
}
