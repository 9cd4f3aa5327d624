import { PackferryError } from '../core/errors.ts';
import { isKeyTypeName } from '../core/ssh-keys/key-types.ts';

/** Headers of private keys (PEM, OpenSSH, PuTTY), and how those of OpenSSH begin without one. */
const privateMarks = /PRIVATE KEY|PuTTY-User-Key-File|b3BlbnNzaC1rZXktdjE/;

/** The content of a private key: it must be quoted nowhere. */
export function looksPrivate(text: string): boolean {
  return privateMarks.test(text);
}

/**
 * Throws `E_TRUST_INVALID` when a whole other file was named than a list of keys: in one sentence, where its lines would
 * only give as many mistakes. Nothing of it is quoted.
 */
export function refuseOtherFile(bytes: Uint8Array, name: string): void {
  const text = Buffer.from(bytes).toString('utf8');
  // Not wherever the words stand: a comment may speak of private keys.
  if (/^(-----BEGIN [A-Z ]*PRIVATE KEY-----|PuTTY-User-Key-File)/m.test(text)) {
    throw new PackferryError('E_TRUST_INVALID', `${name} is a private key, no list of keys`, {
      hint: 'It belongs to whoever signs, and to nobody else. Name the list of public keys that are trusted here (allowed_signers), or the one of revoked keys.',
    });
  }
  if (!/^-----BEGIN ([A-Z ]+)-----/m.test(text)) return;
  throw new PackferryError('E_TRUST_INVALID', `${name} is a signature or another PEM file, no list of keys`, {
    hint: 'Name the list of public keys that are trusted here (allowed_signers), or the one of revoked keys.',
  });
}

/** The same where every line says whose key it is, for keys of which nobody says that (`FILE.pub`, authorized_keys). */
export function refuseNamelessKeys(bytes: Uint8Array, name: string): void {
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const isNameless = (line: string): boolean => {
    const [type = '', key = ''] = line.split(/[ \t]+/, 2);
    return isKeyTypeName(type) && key.startsWith('AAAA');
  };
  if (lines.length === 0 || !lines.every(isNameless)) return;
  const what = lines.length === 1 ? 'is a public key' : 'is a list of public keys';
  throw new PackferryError('E_TRUST_INVALID', `${name} ${what} and does not say whose`, {
    hint: `Put the name before the key: NAME namespaces="bundle@packferry" KEYTYPE KEY; or let packferry write the list: packferry trust add ${lines.length === 1 ? name : 'FILE.pub'} --principal NAME`,
  });
}
