import { createHash } from 'node:crypto';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parsePublicKey } from './public-key.ts';
import { readSmallFile } from './read-file.ts';
import { readLines } from './read-lines.ts';
import { refuseOtherFile } from './wrong-file.ts';

/** A list of keys that are withdrawn, as `ssh-keygen -Y verify -r` takes it. */
export interface RevokedKeys {
  /** The file's name, for messages. */
  readonly name: string;
  /** Of the file as it was read, in hex. */
  readonly sha256: string;
  /** The line of each key, counted from 1, by its blob in base64; certificates stand for their key. */
  readonly lines: ReadonlyMap<string, number>;
}

/** What binary lists of OpenSSH start with. */
const krlMagic = 'SSHKRL\n\0';

/** Reads a file of revoked keys; `E_TRUST_UNREADABLE` when that fails, else as `parseRevokedKeys`. */
export async function readRevokedKeys(path: string): Promise<RevokedKeys> {
  const { bytes } = await readSmallFile(path, {
    maxBytes: limits.revokedKeys,
    code: 'E_TRUST_UNREADABLE',
    hint: 'Name a file that lists the public keys that are withdrawn, one line each; it may be empty.',
  });
  return parseRevokedKeys(bytes, path);
}

/**
 * Reads one public key a line; blank lines and comments are passed over, and no key at all is fine. One bad line refuses
 * the file, for it may be the one that matters: `E_TRUST_INVALID` carries every mistake with its line.
 */
export function parseRevokedKeys(bytes: Uint8Array, name: string): RevokedKeys {
  if (Buffer.from(bytes).toString('latin1').startsWith(krlMagic)) {
    throw new PackferryError(
      'E_TRUST_INVALID',
      `${name}: a key revocation list (KRL), which is not supported`,
      {
        hint: 'List the public keys themselves, one line each, as their .pub files hold them.',
      },
    );
  }
  refuseOtherFile(bytes, name);
  const lines = new Map<string, number>();
  readLines(bytes, name, invalid, (text, line, fail) => {
    const key = parsePublicKey(text, fail).loaded.plain.toString('base64');
    if (!lines.has(key)) lines.set(key, line);
  });
  return { name, sha256: createHash('sha256').update(bytes).digest('hex'), lines };
}

/** Where a key is revoked, as `FILE:LINE`; undefined when it is not. */
export function revocationOf(blob: Buffer, lists: readonly RevokedKeys[]): string | undefined {
  const key = blob.toString('base64');
  for (const { name, lines } of lists) {
    const line = lines.get(key);
    if (line !== undefined) return `${name}:${line}`;
  }
  return undefined;
}

function invalid(message: string): PackferryError {
  return new PackferryError('E_TRUST_INVALID', message, {
    hint: 'A line of revoked keys reads: KEYTYPE KEY [COMMENT]. Until it is right, no signature is accepted.',
  });
}
