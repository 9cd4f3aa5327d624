import path from 'node:path';
import { PackferryError } from '../core/errors.ts';

/** What the tokens of ssh_config(5) stand for. */
export type Tokens = Readonly<Record<string, string>>;

/** Replaces `%h` and its like. Throws `E_SSH_CONFIG` for a token that has no meaning here. */
export function expandTokens(text: string, tokens: Tokens, keyword: string): string {
  return text.replaceAll(/%(.?)/g, (_, letter: string) => {
    const value = letter === '%' ? '%' : tokens[letter];
    if (value !== undefined) return value;
    throw new PackferryError('E_SSH_CONFIG', `${keyword} ${text}: %${letter} is not supported`, {
      hint: 'Write out what it stands for, in a file of settings of your own: --ssh-config FILE.',
    });
  });
}

/** A path as ssh_config has it: tokens, `~/`, `${VARIABLE}`; relative to the working folder. */
export function expandPath(
  text: string,
  keyword: string,
  tokens: Tokens,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const home = tokens['d'] ?? '';
  const named = text.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const value = environment[name];
    if (value !== undefined) return value;
    throw new PackferryError('E_SSH_CONFIG', `${keyword} ${text}: the variable ${name} is not set`, {
      hint: `Set ${name}, or write out what it stands for.`,
    });
  });
  const expanded = expandTokens(named, tokens, keyword);
  if (expanded === '~' || expanded.startsWith('~/')) return path.join(home, expanded.slice(1));
  return path.resolve(expanded);
}
