import { PackferryError } from '../core/errors.ts';
import { unfitInNames } from './allowed-line.ts';
import { formatPublicKey, parsePublicKey } from './public-key.ts';
import { quote } from './quote.ts';

export interface AllowedSignersLineOptions {
  /** The signer's name, for instance `soc-builder` or an e-mail address. A name, not a pattern. */
  readonly principal: string;
  /** The line of a `.pub` file. */
  readonly publicKey: string;
  /** The only namespace that the key may sign for. */
  readonly namespace: string;
}

/**
 * The line of allowed_signers that admits a key: `soc-builder namespaces="bundle@packferry" ssh-ed25519 AAAA...`.
 * `E_USAGE` for a name that would mean something else there, `E_KEY_UNREADABLE` for a malformed public key.
 */
export function allowedSignersLine({ principal, publicKey, namespace }: AllowedSignersLineOptions): string {
  checkName('principal', principal);
  checkName('namespace', namespace);
  const key = parsePublicKey(
    publicKey.trim(),
    (reason) => new PackferryError('E_KEY_UNREADABLE', `no readable public key: ${reason}`),
  );
  const comment = key.comment === '' ? '' : ` ${key.comment}`;
  return `${principal} namespaces="${namespace}" ${formatPublicKey(key)}${comment}`;
}

function checkName(what: string, name: string): void {
  if (name !== '' && !unfitInNames.test(name) && !/[,'*?!\\]|^#/.test(name)) return;
  throw new PackferryError('E_USAGE', `${quote(name)} cannot be a ${what}`, {
    hint: `A ${what} has no spaces, quotes, commas, control characters or wildcards, for instance soc-builder.`,
  });
}
