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
 * `Config` and `config` alike), bounded size, depth and number of parts. Readers differ on exactly these points, and a document that
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
 * Walks over the tokens for what `JSON.parse` forgives: duplicate keys, depth and the number of parts (20 MiB of `{},`
 * would become 700 MB of objects). Grammar is left to it. Takes linear time on any text: a pattern for whole strings
 * would start anew at every quote of an unclosed one.
 */
function checkStructure(text: string, name: string): void {
  const mark = /["{}[\],:]/g;
  const scopes: (Map<string, string> | undefined)[] = [];
  let previous = '';
  let parts = 0;
  const count = (): void => {
    parts += 1;
    if (parts > limits.jsonParts) throw invalid(name, `more than ${limits.jsonParts} keys and values`);
  };
  // `exec` would make an object for each of them.
  while (mark.test(text)) {
    const at = mark.lastIndex - 1;
    const part = text.charAt(at);
    if (part === ',') count();
    if (part === '{' || part === '[') {
      count();
      scopes.push(part === '{' ? new Map<string, string>() : undefined);
      if (scopes.length > limits.depth) throw invalid(name, `nested deeper than ${limits.depth} levels`);
    } else if (part === '}' || part === ']') {
      scopes.pop();
    } else if (part === '"') {
      mark.lastIndex = endOfString(text, at, name);
      const isKey = previous === '{' || previous === ',';
      const keys = isKey ? scopes.at(-1) : undefined;
      if (keys !== undefined) {
        count();
        noteKey(keys, text.slice(at, mark.lastIndex), name);
      }
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

function noteKey(keys: Map<string, string>, quoted: string, name: string): void {
  let key: string;
  try {
    key = JSON.parse(quoted) as string;
  } catch (fault) {
    throw invalid(name, messageOf(fault));
  }
  // Go folds also K (kelvin) and ſ (long s) into ASCII letters: so does this. Unicode's normal forms would do it too,
  // but may be eighteen times as long.
  const folded = key.toLowerCase().toUpperCase().toLowerCase();
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
