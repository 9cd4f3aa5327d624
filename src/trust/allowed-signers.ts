import { createHash } from 'node:crypto';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { type AllowedSigner, parseAllowedLine } from './allowed-line.ts';
import { readSmallFile } from './read-file.ts';
import { readLines } from './read-lines.ts';
import type { RevokedKeys } from './revoked-keys.ts';
import { refuseNamelessKeys, refuseOtherFile } from './wrong-file.ts';

/** The keys that may sign, as OpenSSH's allowed_signers files list them. */
export interface AllowedSigners {
  /** The file's name, for messages. */
  readonly name: string;
  /** Of the file as it was read, in hex. */
  readonly sha256: string;
  /** At least one, in the order of the file. */
  readonly signers: readonly AllowedSigner[];
  /** Keys that do not count any more, whatever the lines say. */
  readonly revoked?: readonly RevokedKeys[];
}

/** Reads an allowed_signers file; `E_TRUST_UNREADABLE` when that fails, else as `parseAllowedSigners`. */
export async function readAllowedSigners(path: string): Promise<AllowedSigners> {
  const { bytes } = await readSmallFile(path, {
    maxBytes: limits.allowedSigners,
    code: 'E_TRUST_UNREADABLE',
    hint: 'Name a file that lists the keys you trust, one line each: PRINCIPAL namespaces="bundle@packferry" KEYTYPE KEY',
  });
  return parseAllowedSigners(bytes, path);
}

/**
 * Reads the whole file or refuses it whole: ssh-keygen skips lines that it cannot read, but a line that was meant to
 * restrict a key must not vanish. `E_TRUST_INVALID` carries every mistake with its line; a file without keys is one.
 */
export function parseAllowedSigners(bytes: Uint8Array, name: string): AllowedSigners {
  const signers = parseSignerLines(bytes, name);
  if (signers.length === 0)
    throw invalid(`${name}: no key stands in it, so no bundle could ever be accepted`);
  return { name, sha256: createHash('sha256').update(bytes).digest('hex'), signers };
}

/** The same for a file that may be empty, since the first key is still to be added. */
export function parseSignerLines(bytes: Uint8Array, name: string): AllowedSigner[] {
  refuseOtherFile(bytes, name);
  refuseNamelessKeys(bytes, name);
  return readLines(bytes, name, invalid, parseAllowedLine);
}

function invalid(message: string): PackferryError {
  return new PackferryError('E_TRUST_INVALID', message, {
    hint: 'A line reads: PRINCIPAL namespaces="bundle@packferry" KEYTYPE KEY [COMMENT]; see ssh-keygen(1), "ALLOWED SIGNERS".',
  });
}
