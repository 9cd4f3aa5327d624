import { PackferryError } from '../core/errors.ts';
import { unfitInNames } from './allowed-line.ts';
import { parsePatternList } from '../core/pattern-list.ts';
import { formatPublicKey, parsePublicKey, type PublicKey } from './public-key.ts';
import { quote } from '../core/quote.ts';
import { formatSshTime } from './ssh-time.ts';

/** Which certificates or signatures a line admits, besides its name. */
export interface SignerLineOptions {
  /** The signer's name, for instance `soc-builder` or an e-mail address. Of an authority, patterns of names. */
  readonly principal: string;
  /** What the key may sign for. */
  readonly namespaces: readonly string[];
  /** The key signs certificates. */
  readonly certAuthority?: boolean;
  readonly validAfter?: Date | undefined;
  readonly validBefore?: Date | undefined;
}

export interface AllowedSignersLineOptions extends Pick<SignerLineOptions, 'principal'> {
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
  const key = parsePublicKey(
    publicKey.trim(),
    (reason) => new PackferryError('E_KEY_UNREADABLE', `no readable public key: ${reason}`),
  );
  return signerLine(key, { principal, namespaces: [namespace] });
}

/**
 * The line of allowed_signers for a key that was read; times are in UTC. A comment with control or invisible characters
 * is left out. `E_USAGE` for a name that would mean something else there.
 */
export function signerLine(key: PublicKey, options: SignerLineOptions): string {
  const { principal, namespaces, certAuthority = false, validAfter, validBefore } = options;
  if (certAuthority) checkPatterns(principal);
  else checkName('principal', principal);
  for (const namespace of namespaces) checkName('namespace', namespace);
  const words = [
    ...(certAuthority ? ['cert-authority'] : []),
    `namespaces="${namespaces.join(',')}"`,
    ...(validAfter === undefined ? [] : [`valid-after="${formatSshTime(validAfter)}"`]),
    ...(validBefore === undefined ? [] : [`valid-before="${formatSshTime(validBefore)}"`]),
  ];
  const comment = key.comment === '' || /\p{C}/u.test(key.comment) ? '' : ` ${key.comment}`;
  return `${principal} ${words.join(',')} ${formatPublicKey(key)}${comment}`;
}

/** An authority may speak for several: the names in its certificates have to match. */
function checkPatterns(text: string): void {
  if (!unfitInNames.test(text) && !text.startsWith('#') && parsePatternList(text) !== undefined) return;
  throw new PackferryError('E_USAGE', `${quote(text)} cannot be the names for which an authority speaks`, {
    hint: 'They are a name, or patterns with commas between them, for instance *@soc.example.',
  });
}

function checkName(what: string, name: string): void {
  if (name !== '' && !unfitInNames.test(name) && !/[,'*?!\\]|^#/.test(name)) return;
  throw new PackferryError('E_USAGE', `${quote(name)} cannot be a ${what}`, {
    hint: `A ${what} has no spaces, quotes, commas, control characters or wildcards, for instance soc-builder.`,
  });
}
