import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import { noHome, type Context } from './context.ts';

/** Where the machine keeps its state: that of imports by root. */
const systemFolder = '/var/lib/packferry';

/**
 * The folder of what packferry must remember from run to run (the history of what was accepted, receipts): the one that
 * was given, else PACKFERRY_STATE, else the machine's for root, else the user's (XDG base directories: only an absolute
 * path counts). Undefined for users without a home, who have none. Makes nothing. Throws `E_USAGE` when the variable holds
 * no absolute path: a memory that depends on the current folder is none.
 */
export function stateFolderOf(
  { env, home, uid }: Pick<Context, 'env' | 'home' | 'uid'>,
  given: string | undefined,
): string | undefined {
  if (given !== undefined && given !== '') return path.resolve(given);
  const named = env['PACKFERRY_STATE'] ?? '';
  if (named !== '') {
    if (path.isAbsolute(named)) return path.normalize(named);
    throw new PackferryError('E_USAGE', `PACKFERRY_STATE is no absolute path: ${JSON.stringify(named)}`, {
      hint: 'Set it to the whole path of a folder, or unset it.',
    });
  }
  if (uid === 0) return systemFolder;
  const xdg = env['XDG_STATE_HOME'] ?? '';
  if (path.isAbsolute(xdg)) return path.join(xdg, 'packferry');
  return home === noHome ? undefined : path.join(home, '.local', 'state', 'packferry');
}
