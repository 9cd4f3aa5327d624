import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError, systemCodeOf, type ErrorCode } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { pendingPlace } from '../flows/trust/generation.ts';
import { checkGuarded, looseModeOf } from '../trust/guarded-file.ts';
import type { Context } from './context.ts';

/** The folders of settings: the machine's and the user's. */
export interface ConfigurationFolders {
  readonly system: string;
  readonly user: string;
}

export function configurationFolders({ env, home }: Pick<Context, 'env' | 'home'>): ConfigurationFolders {
  // The XDG base directory specification: only an absolute path counts.
  const xdg = env['XDG_CONFIG_HOME'] ?? '';
  const configuration = path.isAbsolute(xdg) ? xdg : path.join(home, '.config');
  return { system: '/etc/packferry', user: path.join(configuration, 'packferry') };
}

/** Where a file of settings may lie: the machine's before the user's. */
export function placesOf(name: string, context: Pick<Context, 'env' | 'home'>): string[] {
  const { system, user } = configurationFolders(context);
  return [path.join(system, name), path.join(user, name)];
}

/**
 * The first of these files that is there. Only what is certainly absent makes way for the next place: another file than
 * the one that was meant must not count instead. What an update of the trusted files has left unfinished counts before what
 * it replaces. Throws `code`.
 */
export async function firstOf(
  places: readonly string[],
  code: ErrorCode,
  hint: string,
): Promise<string | undefined> {
  for (const place of places.flatMap((one) => [pendingPlace(one), one])) {
    try {
      await lstat(place);
      return place;
    } catch (cause) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '')) continue;
      throw new PackferryError(code, `${place}: ${messageOf(cause)}`, { hint, cause });
    }
  }
  return undefined;
}

/** The first that is there, of files that decide on trust: nobody but root and this user may be able to change it. */
export async function guardedFirstOf(
  places: readonly string[],
  { home }: Pick<Context, 'home'>,
  hint: string,
): Promise<string | undefined> {
  const place = await firstOf(places, 'E_TRUST_UNREADABLE', hint);
  if (place !== undefined) await checkGuarded(place, home);
  return place;
}

/** Tells that a file which was named takes the place of the one that would count without a word. */
export async function tellPassedOver(
  what: string,
  named: string,
  places: readonly string[],
  emit: Emit,
): Promise<void> {
  const hint = 'Make it readable: it would count if none were named.';
  const passedOver = await firstOf(places, 'E_TRUST_UNREADABLE', hint);
  if (passedOver === undefined || path.resolve(passedOver) === path.resolve(named)) return;
  emit({ type: 'note', level: 'warning', message: `${what} ${named} counts here, not ${passedOver}` });
}

/** A file that was named is taken as it is, for media without owners and modes; that others may change it is told. */
export async function warnWhenLoose(
  file: string,
  emit: Emit,
  what = 'which decides on what is trusted',
): Promise<void> {
  const mode = await looseModeOf(file);
  if (mode === undefined) return;
  const message = `others may change ${file} (mode ${mode}), ${what}`;
  emit({ type: 'note', level: 'warning', message });
}
