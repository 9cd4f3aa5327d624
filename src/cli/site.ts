import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { siteNamePattern } from '../core/names.ts';
import { decodeText, readFile } from '../pack/read-file.ts';
import { firstOf, placesOf } from './configured.ts';
import type { Context } from './context.ts';

const hint = 'A site is named in lower-case letters, digits, dot, dash and underscore, for instance site-a.';

/**
 * The name of this site: the one that was given, else what the machine's file says, else the user's. Undefined when none
 * does. Throws `E_USAGE` for what is no name, and for a file that cannot be read.
 */
export async function siteName(context: Context, given: string | undefined): Promise<string | undefined> {
  // A variable that is set to nothing says nothing.
  if (given !== undefined && given !== '') return checked(given, '--site');
  const file = await firstOf(placesOf('site', context), 'E_USAGE', 'Make it readable, or give --site NAME.');
  if (file === undefined) return undefined;
  const bytes = await readFile(file, { code: 'E_USAGE', maxBytes: limits.siteFile });
  return checked(decodeText(bytes, file, 'E_USAGE').trim(), file);
}

function checked(name: string, where: string): string {
  if (siteNamePattern.test(name)) return name;
  throw new PackferryError('E_USAGE', `${where}: ${JSON.stringify(name)} is no name of a site`, { hint });
}
