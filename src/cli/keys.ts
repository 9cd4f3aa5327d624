import { createReadStream } from 'node:fs';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { readAllowedSigners, type AllowedSigners } from '../trust/allowed-signers.ts';
import { readKeyFile } from '../trust/key-file.ts';
import { openSigner, type Signer } from '../trust/signer.ts';
import { firstOf, placesOf } from './configured.ts';
import type { Context } from './context.ts';
import { askSecret, isInteractive } from './prompt.ts';
import type { Session } from './session.ts';

/** The keys that are trusted here: the file that was named, else the machine's, else the user's. */
export async function trustedKeys(context: Context, named: string | undefined): Promise<AllowedSigners> {
  if (named !== undefined) return readAllowedSigners(named);
  const places = placesOf('allowed_signers', context);
  const hint = 'Make it readable, or name the file of trusted keys: --trusted-keys FILE.';
  const place = await firstOf(places, 'E_TRUST_UNREADABLE', hint);
  if (place !== undefined) return readAllowedSigners(place);
  throw new PackferryError(
    'E_USAGE',
    'no trusted keys: a bundle can only be verified against keys that you trust',
    {
      hint: `Give --trusted-keys FILE, or put the allowed_signers file at ${places.join(' or ')}.`,
    },
  );
}

/** Opens the key that signs; an encrypted one asks for its passphrase where somebody can answer. */
export async function signingKey(
  session: Session,
  file: string,
  passphraseFile: string | undefined,
): Promise<Signer> {
  const { context } = session;
  const passphrase = async (): Promise<string> => {
    if (passphraseFile !== undefined) return readPassphrase(passphraseFile);
    if (isInteractive(context)) {
      session.pause();
      return askSecret(context, `Passphrase of ${file}: `);
    }
    throw new PackferryError(
      'E_KEY_PASSPHRASE',
      `${file} is encrypted and there is no terminal to ask for the passphrase`,
      {
        hint: 'Give --passphrase-file FILE.',
      },
    );
  };
  return openSigner(await readKeyFile(file), passphrase);
}

/** The first line of a passphrase file of at most `limits.passphraseFile` bytes; a pipe will do. */
export async function readPassphrase(file: string): Promise<string> {
  try {
    const bytes = await collect(createReadStream(file), limits.passphraseFile, file);
    const [line = ''] = bytes.toString('utf8').split(/\r?\n/);
    return line;
  } catch (cause) {
    throw new PackferryError(
      'E_KEY_PASSPHRASE',
      `the passphrase file ${file} cannot be read: ${messageOf(cause)}`,
      { hint: 'Name a file whose first line is the passphrase.', cause },
    );
  }
}
