import { isDeepStrictEqual } from 'node:util';
import { isScalar } from 'yaml';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { isMapping } from '../core/mapping.ts';
import { parseYaml, type Position, type YamlFile } from '../core/yaml.ts';

export interface ScalarChange {
  /** The keys that lead to the value. */
  readonly path: readonly string[];
  /** What stands there now. */
  readonly from: string;
  /** What shall stand there. */
  readonly to: string;
}

/**
 * Replaces one text value of a YAML text and leaves every other character as it is: quotes, comments, line ends, byte
 * order mark. Only what can be done beyond doubt is done: the value stands on one line, plain or in quotes, without
 * escapes, anchor, tag or alias. Otherwise, and when the new text would not read as the old one with just this value
 * changed, throws `E_PACK_INVALID` with `name`, line and column. `name` is the file.
 */
export function rewriteScalar(text: string, name: string, change: ScalarChange): string {
  const file = parse(text, name);
  const place = file.locate(change.path);
  const refuse = (why: string): PackferryError => refusal(name, place, change, why);
  const node = file.document.getIn(change.path, true);
  if (!isScalar(node)) throw refuse('it does not stand here itself, but behind an alias');
  if (node.anchor !== undefined) throw refuse('the value has an anchor');
  if (node.tag !== undefined) throw refuse('the value has a tag');
  if (node.value !== change.from) throw refuse('something else stands there');
  const quote = quoteOf(node.type);
  if (quote === undefined) throw refuse('it is a block scalar');

  const start = offsetOf(text, place) + quote.length;
  const end = start + change.from.length;
  if (text.slice(start - quote.length, end + quote.length) !== `${quote}${change.from}${quote}`) {
    throw refuse('the value is written with escapes or over several lines');
  }
  const written = `${text.slice(0, start)}${change.to}${text.slice(end)}`;
  if (!isDeepStrictEqual(valuesOf(written, name), withValue(file.value, change.path, change.to))) {
    throw refuse('the file would not read as before');
  }
  return written;
}

function parse(text: string, name: string): YamlFile {
  return parseYaml(text, { name, code: 'E_PACK_INVALID', maxBytes: limits.itemYaml });
}

/** Undefined when the new text is no YAML: then it differs, too. */
function valuesOf(text: string, name: string): unknown {
  try {
    return parse(text, name).value;
  } catch {
    return undefined;
  }
}

function quoteOf(type: string | undefined): string | undefined {
  if (type === 'PLAIN') return '';
  if (type === 'QUOTE_SINGLE') return "'";
  return type === 'QUOTE_DOUBLE' ? '"' : undefined;
}

/** Where a place of the parsed text stands in the text itself, which may have a byte order mark in front. */
function offsetOf(text: string, { line, column }: Position): number {
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  for (let at = 1; at < line; at += 1) start = text.indexOf('\n', start) + 1;
  return start + column - 1;
}

/** The value with another one at `path`; what it shares with the old one is not copied. */
function withValue(value: unknown, path: readonly string[], to: string): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  return isMapping(value) ? { ...value, [key]: withValue(value[key], rest, to) } : value;
}

function refusal(name: string, place: Position, { path, from }: ScalarChange, why: string): PackferryError {
  const where = `${name}:${place.line}:${place.column}`;
  return new PackferryError(
    'E_PACK_INVALID',
    `${where}: ${path.join('.')} (${from}) is not rewritten: ${why}`,
    {
      hint: 'Change this file by hand.',
    },
  );
}
