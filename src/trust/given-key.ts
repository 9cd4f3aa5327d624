import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parseAllowedLine, type AllowedSigner } from './allowed-line.ts';
import { isKeyTypeName } from '../core/ssh-keys/key-types.ts';
import { parsePublicKey, type PublicKey } from './public-key.ts';
import { readSmallFile } from './read-file.ts';
import type { Fail } from '../core/ssh-keys/wire.ts';
import { looksPrivate } from './wrong-file.ts';

/** A public key that somebody names, to trust or to revoke it. */
export interface GivenKey {
  readonly key: PublicKey;
  /** The blob is a certificate, and this the key in it. */
  readonly certified?: Buffer;
  /** The line of allowed_signers that it stood in, if it stood in one. */
  readonly line?: AllowedSigner;
}

/** Is this a key itself, and not the name of a file? `ssh-ed25519 AAAA...`, or a line of allowed_signers. */
export function isKeyText(given: string): boolean {
  return (
    looksPrivate(given) ||
    given
      .trim()
      .split(/[ \t]+/)
      .some(isKeyTypeName)
  );
}

/**
 * Reads a public key that was given as its text, or as a file that holds it: a `.pub` file, or a line of allowed_signers
 * as `packferry keygen` prints it. Everything that is wrong is `E_KEY_UNREADABLE`; nothing of a private key is quoted.
 */
export async function readGivenKey(given: string): Promise<GivenKey> {
  if (isKeyText(given)) return parseGivenKey(Buffer.from(given), 'the key that was given');
  const { bytes } = await readSmallFile(given, {
    maxBytes: limits.keyFile,
    code: 'E_KEY_UNREADABLE',
    hint: 'Name the file of a public key (FILE.pub), or give the key itself in quotes: "ssh-ed25519 AAAA..."',
  });
  return parseGivenKey(bytes, given);
}

/** The same for bytes that are there; `name` is for messages. */
export function parseGivenKey(bytes: Buffer, name: string): GivenKey {
  const fail: Fail = (reason) =>
    new PackferryError('E_KEY_UNREADABLE', `${name}: ${reason}`, {
      hint: 'A public key reads: KEYTYPE KEY [COMMENT], as in FILE.pub; or a line of allowed_signers.',
    });
  const text = bytes.toString('utf8');
  if (looksPrivate(text)) throw privateKey(name);
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const [line, ...more] = lines.filter((one) => one !== '' && !one.startsWith('#'));
  if (line === undefined) throw fail('no key stands in it');
  if (more.length > 0) throw fail(`${more.length + 1} lines of keys stand in it; give one key at a time`);
  if (isKeyTypeName(line.split(/[ \t]/, 1)[0] ?? '')) {
    const { type, blob, comment, loaded } = parsePublicKey(line, fail);
    const key = { type, blob, comment };
    return loaded.certificate === undefined ? { key } : { key, certified: loaded.plain };
  }
  const allowed = parseAllowedLine(line, 1, fail);
  return { key: allowed.key, line: allowed };
}

function privateKey(name: string): PackferryError {
  return new PackferryError(
    'E_KEY_UNREADABLE',
    `${name}: this is a private key; only the public half belongs here`,
    {
      hint: 'Name FILE.pub instead. If this private key came from somebody else, it is secret no more: have it replaced.',
    },
  );
}
