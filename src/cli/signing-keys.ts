import { PackferryError } from '../core/errors.ts';
import type { Signer, Signers } from '../trust/signer.ts';
import { refuseUselessCertificate } from '../trust/useless-certificate.ts';
import { signingKey } from './keys.ts';
import type { Session } from './session.ts';

/**
 * Opens the keys of all who are to sign, each once. Passphrase files belong to the keys in their order; a single one
 * belongs to the one key that asks for a passphrase. Throws `E_USAGE` for anything ambiguous, and `E_KEY_NOT_VALID` for a
 * certificate that no site would accept now.
 */
export async function openSigningKeys(
  session: Session,
  files: readonly string[],
  passphraseFiles: readonly string[] = [],
): Promise<Signers> {
  checkNumbers(files, passphraseFiles);
  const passphraseOf = passphrasesFor(files, passphraseFiles);
  const signers: Signer[] = [];
  for (const [index, file] of files.entries()) {
    const signer = await signingKey(session, file, passphraseOf(index));
    const before = signers.findIndex(({ fingerprint }) => fingerprint === signer.fingerprint);
    if (before >= 0) throw sameKey(file, files[before] ?? '', signer);
    refuseUselessCertificate(file, signer, session.context.now);
    signers.push(signer);
  }
  const [first, ...others] = signers;
  if (first === undefined) throw new PackferryError('E_INTERNAL', 'nobody is to sign');
  return [first, ...others];
}

function checkNumbers(files: readonly string[], passphraseFiles: readonly string[]): void {
  const [keys, given] = [files.length, passphraseFiles.length];
  if (given <= 1 || given === keys) return;
  const message = `--passphrase-file is given ${given} times, and ${keys === 1 ? 'there is 1 key' : `there are ${keys} keys`}`;
  throw new PackferryError('E_USAGE', message, {
    hint: 'Give it once for each --key, in the same order. That of a key without passphrase is not read: /dev/null will do.',
  });
}

/** The passphrase file of each key. A single one for several keys serves the first that asks, and no other. */
function passphrasesFor(
  files: readonly string[],
  passphraseFiles: readonly string[],
): (index: number) => string | (() => string) | undefined {
  const [only] = passphraseFiles;
  if (only === undefined || passphraseFiles.length > 1 || files.length === 1)
    return (index) => passphraseFiles[index];
  let taken: string | undefined;
  return (index) => () => {
    const file = files[index] ?? '';
    if (taken !== undefined) throw ambiguous(only, taken, file);
    taken = file;
    return only;
  };
}

function ambiguous(passphraseFile: string, first: string, second: string): PackferryError {
  const message = `--passphrase-file ${passphraseFile} is given once, and both ${first} and ${second} are encrypted`;
  return new PackferryError('E_USAGE', message, {
    hint: 'Give --passphrase-file once for each --key, in the same order.',
  });
}

function sameKey(file: string, before: string, { fingerprint }: Signer): PackferryError {
  return new PackferryError('E_USAGE', `${before} and ${file} are the same key, ${fingerprint}`, {
    hint: 'A key counts once. Give the keys of different signers.',
  });
}
