import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { siteNamePattern } from '../core/names.ts';
import { decodeText, readFile } from '../pack/read-file.ts';
import { firstOf, placesOf } from './configured.ts';
import type { Context } from './context.ts';
import type { Session } from './session.ts';

const hint = 'A site is named in lower-case letters, digits, dot, dash and underscore, for instance site-a.';

/**
 * The name of this site: the one that was given, else what the machine's file says, else the user's. Undefined when none
 * does. A name that was given in place of the configured one is told. Throws `E_USAGE` for what is no name, and for a file that cannot be read.
 */
export async function siteName(
  { context, emit }: Pick<Session, 'context' | 'emit'>,
  given: string | undefined,
): Promise<string | undefined> {
  // A variable that is set to nothing says nothing.
  if (given === undefined || given === '') return (await configuredSite(context))?.name;
  const name = checked(given, '--site');
  const other = await configuredSite(context).catch(() => undefined);
  if (other !== undefined && other.name !== name) {
    const message = `this site counts as ${name} here, not as ${other.name}, which ${other.file} says`;
    emit({ type: 'note', level: 'warning', message });
  }
  return name;
}

async function configuredSite(
  context: Context,
): Promise<{ readonly name: string; readonly file: string } | undefined> {
  const file = await firstOf(placesOf('site', context), 'E_USAGE', 'Make it readable, or give --site NAME.');
  if (file === undefined) return undefined;
  const bytes = await readFile(file, { code: 'E_USAGE', maxBytes: limits.siteFile });
  return { name: checked(decodeText(bytes, file, 'E_USAGE').trim(), file), file };
}

function checked(name: string, where: string): string {
  if (siteNamePattern.test(name)) return name;
  throw new PackferryError('E_USAGE', `${where}: ${JSON.stringify(name)} is no name of a site`, { hint });
}
