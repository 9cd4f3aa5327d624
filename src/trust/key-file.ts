import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { currentUser } from './guarded-file.ts';
import type { KeyFile } from './key-envelope.ts';
import { isKeyTypeName } from '../core/ssh-keys/key-types.ts';
import { readSmallFile, type SmallFile } from './read-file.ts';
import { looksPrivate } from './wrong-file.ts';

/** The file of one half of a key. */
export interface KeyHalf extends KeyFile {
  /** The public half, or a certificate. */
  readonly isPublic: boolean;
}

/**
 * Reads a private key file, at most `limits.keyFile` bytes. As ssh does, it refuses one of your own that others may
 * read. Everything that is wrong is `E_KEY_UNREADABLE`; the content is judged by `openSigner`.
 */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const { name, text, isPublic } = await readKeyHalf(path);
  if (isPublic) {
    throw new PackferryError(
      'E_KEY_UNREADABLE',
      `${path}: this is a public key; signing needs the private one`,
      {
        hint: path.endsWith('.pub')
          ? `Name ${path.slice(0, -'.pub'.length)} instead.`
          : 'Name the private key.',
      },
    );
  }
  return { name, text };
}

/** Reads the file of a private or a public key, with the limits and errors of `readKeyFile`. */
export async function readKeyHalf(path: string): Promise<KeyHalf> {
  const file = await readSmallFile(path, {
    maxBytes: limits.keyFile,
    code: 'E_KEY_UNREADABLE',
    hint: 'Name the file of a private key, or make one: packferry keygen',
  });
  const isPublic = isPublicKey(file);
  // Of what is no key at all, that is the fault.
  if (looksPrivate(file.bytes.toString('latin1')) && isOpenToOthers(file)) {
    const mode = (file.stats.mode & 0o777).toString(8).padStart(4, '0');
    throw new PackferryError('E_KEY_UNREADABLE', `${path}: others may read this private key (mode ${mode})`, {
      hint: `chmod 600 ${path}`,
    });
  }
  return { name: path, text: file.bytes, isPublic };
}

function isPublicKey({ bytes }: SmallFile): boolean {
  const [type = ''] = bytes.toString('latin1').trimStart().split(/\s/, 1);
  return isKeyTypeName(type);
}

/** Only of the user's own file: a key that belongs to somebody else is shared on purpose. */
function isOpenToOthers({ stats }: SmallFile): boolean {
  return stats.uid === currentUser() && (stats.mode & 0o077) !== 0;
}
