import { messageOf, PackferryError } from './errors.ts';
import { limits } from './limits.ts';

export interface JsonOptions {
  /** The file or document, for messages. */
  readonly name: string;
  /** Upper limit in bytes; more is `E_LIMIT_EXCEEDED`. */
  readonly maxBytes: number;
}

/**
 * Parses JSON that was made elsewhere, strictly: UTF-8, one document, no duplicate keys (also by case, since Go reads
 * `Config` and `config` alike), bounded size and depth. Readers differ on exactly these points, and a document that
 * two readers see differently must not get in. Throws `E_JSON_INVALID` or `E_LIMIT_EXCEEDED`.
 */
export function parseStrictJson(bytes: Uint8Array, options: JsonOptions): unknown {
  if (bytes.byteLength > options.maxBytes) {
    throw new PackferryError(
      'E_LIMIT_EXCEEDED',
      `${options.name}: over the limit of ${options.maxBytes} bytes`,
    );
  }
  const text = decode(bytes, options.name);
  checkStructure(text, options.name);
  try {
    return JSON.parse(text) as unknown;
  } catch (fault) {
    throw invalid(options.name, messageOf(fault));
  }
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(name, 'not UTF-8');
  }
}

/**
 * Walks over the tokens for what `JSON.parse` forgives: duplicate keys and depth. Grammar is left to it. Takes linear
 * time on any text: a pattern for whole strings would start anew at every quote of an unclosed one.
 */
function checkStructure(text: string, name: string): void {
  const mark = /["{}[\],:]/g;
  const scopes: (Map<string, string> | undefined)[] = [];
  let previous = '';
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    const [part] = found;
    if (part === '{' || part === '[') {
      scopes.push(part === '{' ? new Map<string, string>() : undefined);
      if (scopes.length > limits.depth) throw invalid(name, `nested deeper than ${limits.depth} levels`);
    } else if (part === '}' || part === ']') {
      scopes.pop();
    } else if (part === '"') {
      mark.lastIndex = endOfString(text, found.index, name);
      const isKey = previous === '{' || previous === ',';
      if (isKey) noteKey(scopes.at(-1), text.slice(found.index, mark.lastIndex), name);
    }
    previous = part;
  }
}

/** The place behind the quote that closes the string which opens at `start`. */
function endOfString(text: string, start: number, name: string): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  throw invalid(name, 'a string is not closed');
}

function noteKey(keys: Map<string, string> | undefined, quoted: string, name: string): void {
  if (keys === undefined) return;
  let key: string;
  try {
    key = JSON.parse(quoted) as string;
  } catch (fault) {
    throw invalid(name, messageOf(fault));
  }
  // Go folds also K (kelvin) and ſ (long s) into ASCII letters: so does this.
  const folded = key.normalize('NFKC').toLowerCase();
  const before = keys.get(folded);
  if (before !== undefined) {
    throw invalid(
      name,
      `the key ${JSON.stringify(key)} stands twice${before === key ? '' : ` (as ${JSON.stringify(before)})`}`,
    );
  }
  keys.set(folded, key);
}

function invalid(name: string, why: string): PackferryError {
  return new PackferryError('E_JSON_INVALID', `${name}: no acceptable JSON: ${why}`);
}
