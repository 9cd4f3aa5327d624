import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { type AllowedSigner, parseAllowedLine } from './allowed-line.ts';
import { readSmallFile } from './read-file.ts';

/** The keys that may sign, as OpenSSH's allowed_signers files list them. */
export interface AllowedSigners {
  /** The file's name, for messages. */
  readonly name: string;
  /** At least one, in the order of the file. */
  readonly signers: readonly AllowedSigner[];
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
  const signers: AllowedSigner[] = [];
  const mistakes: PackferryError[] = [];
  for (const [index, raw] of decode(bytes, name).split('\n').entries()) {
    const text = raw.replace(/\r$/, '').replace(/^[ \t]+/, '');
    if (text === '' || text.startsWith('#')) continue;
    const line = index + 1;
    try {
      signers.push(parseAllowedLine(text, line, (reason) => invalid(`${name}:${line}: ${reason}`)));
    } catch (fault) {
      if (!(fault instanceof PackferryError)) throw fault;
      mistakes.push(fault);
    }
  }
  const [first] = mistakes;
  if (first !== undefined) {
    if (mistakes.length === 1) throw first;
    throw new PackferryError('E_TRUST_INVALID', `${name}: ${mistakes.length} mistakes`, { errors: mistakes });
  }
  if (signers.length === 0)
    throw invalid(`${name}: no key stands in it, so no bundle could ever be accepted`);
  return { name, signers };
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(`${name}: not UTF-8`);
  }
}

function invalid(message: string): PackferryError {
  return new PackferryError('E_TRUST_INVALID', message, {
    hint: 'A line reads: PRINCIPAL namespaces="bundle@packferry" KEYTYPE KEY [COMMENT]; see ssh-keygen(1), "ALLOWED SIGNERS".',
  });
}
