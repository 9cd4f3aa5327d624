import path from 'node:path';
import { PackferryError } from '../core/errors.ts';

export interface Bases {
  /** The folder of the manifest; relative paths start here. */
  readonly folder: string;
  /** What `~/` stands for; undefined when that is not known. */
  readonly home: string | undefined;
}

/** The absolute path for one that stands in a manifest. Throws `E_MANIFEST_INVALID` when `~/` stands for nothing. */
export function resolvePath(written: string, { folder, home }: Bases): string {
  if (!/^~[/\\]/.test(written)) return path.resolve(folder, written);
  if (home !== undefined) return path.join(home, written.slice(2));
  throw new PackferryError('E_MANIFEST_INVALID', `${JSON.stringify(written)}: the home folder is not known`, {
    hint: 'Write the path in full.',
  });
}
