import { PackferryError } from '../core/errors.ts';
import type { Fail } from '../core/ssh-keys/wire.ts';

/**
 * Reads every line of a UTF-8 file that is neither blank nor a comment; CRLF and leading spaces will do. `read` throws
 * the error of a line. Several mistakes become one `E_TRUST_INVALID` that carries them all.
 */
export function readLines<T>(
  bytes: Uint8Array,
  name: string,
  invalid: Fail,
  read: (text: string, line: number, fail: Fail) => T,
): T[] {
  const found: T[] = [];
  const mistakes: PackferryError[] = [];
  for (const [index, raw] of decode(bytes, name, invalid).split('\n').entries()) {
    const text = raw.replace(/\r$/, '').replace(/^[ \t]+/, '');
    if (text === '' || text.startsWith('#')) continue;
    const line = index + 1;
    try {
      found.push(read(text, line, (reason) => invalid(`${name}:${line}: ${reason}`)));
    } catch (fault) {
      if (!(fault instanceof PackferryError)) throw fault;
      mistakes.push(fault);
    }
  }
  const [first] = mistakes;
  if (first === undefined) return found;
  if (mistakes.length === 1) throw first;
  throw new PackferryError('E_TRUST_INVALID', `${name}: ${mistakes.length} mistakes`, { errors: mistakes });
}

function decode(bytes: Uint8Array, name: string, invalid: Fail): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(`${name}: not UTF-8`);
  }
}
