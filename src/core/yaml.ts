import { Composer, isNode, LineCounter, type Document } from 'yaml';
import { messageOf, PackferryError, type ErrorCode } from './errors.ts';
import { sumUp } from './sum-up.ts';
import { treeMistakes, shallowTokens } from './yaml-checks.ts';
import { indentQuoted } from './yaml-quotes.ts';

/** A place in a text file; line and column count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type YamlPath = readonly (string | number)[];

/** Writes the path of a value as people read it: `images[2].reference`. */
export function formatPath(path: YamlPath): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

/** A parsed YAML file that still knows where everything stands. */
export interface YamlFile {
  /** The file's name, for messages. */
  readonly name: string;
  readonly document: Document;
  /** The values as plain JavaScript. */
  readonly value: unknown;
  /** Where the value at `path` starts; the nearest parent that exists when it does not. */
  locate(path: YamlPath): Position;
  /** Where the key at the end of `path` starts: the better place to point at for an unknown key. */
  locateKey(path: YamlPath): Position;
}

export interface YamlOptions {
  readonly name: string;
  /** The code of the error that a broken file throws. */
  readonly code: ErrorCode;
  readonly maxBytes: number;
}

/**
 * Parses one YAML document with positions. Aliases are refused when they multiply (`maxAliasCount`), merge keys are
 * off, duplicate keys, several documents and deep nesting (`limits.depth`) are errors, `=` is an ordinary scalar, an
 * unknown tag is ignored, a byte order mark is skipped, quoted scalars may continue with less indentation than their
 * parent. All mistakes are reported at once, each as `file:line:column`.
 */
export function parseYaml(text: string, options: YamlOptions): YamlFile {
  if (text.length > options.maxBytes) {
    throw new PackferryError(options.code, `${options.name}: over the limit of ${options.maxBytes} bytes`);
  }
  const { document, at } = compose(text.replace(/^\uFEFF/, ''), options);
  return { name: options.name, document, value: valueOf(document, options), ...locators(document, at) };
}

interface Composed {
  readonly document: Document.Parsed;
  readonly at: (offset: number) => Position;
  readonly faults: readonly PackferryError[];
}

/** The document as it stands or else, if that is free of mistakes, with its quoted scalars indented. */
function compose(text: string, options: YamlOptions): Composed {
  const plain = composeStrictly(text, options);
  if (plain.faults.length === 0) return plain;
  const mended = indentQuoted(text);
  const second = mended === text ? plain : composeStrictly(mended, options);
  if (second.faults.length === 0) return second;
  throw sumUp(options.code, `${options.name} is no valid YAML`, plain.faults);
}

function composeStrictly(text: string, { name, code }: YamlOptions): Composed {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const mistake = (offset: number, what: string): PackferryError => {
    const { line, column } = at(offset);
    return new PackferryError(code, `${name}:${line}:${column}: ${what}`, {
      hint: 'Correct the file there.',
    });
  };
  // The composer's own search for duplicate keys takes time that grows with the square of the number of keys.
  const composer = new Composer({ merge: false, version: '1.2', uniqueKeys: false, logLevel: 'error' });
  const [document, second] = composer.compose(shallowTokens(text, lines, mistake), true, text.length);
  if (document === undefined) throw mistake(0, 'no document');
  const faults = document.errors.map((fault) => mistake(fault.pos[0], fault.message));
  faults.push(...treeMistakes(document, mistake));
  if (second !== undefined) faults.push(mistake(second.range[0], 'a second document; only one is expected'));
  return { document, at, faults };
}

function valueOf(document: Document, options: YamlOptions): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (cause) {
    throw new PackferryError(options.code, `${options.name}: ${messageOf(cause)}`, { cause });
  }
}

function locators(
  document: Document,
  at: (offset: number) => Position,
): Pick<YamlFile, 'locate' | 'locateKey'> {
  const locate = (path: YamlPath): Position => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return at(document.contents?.range?.[0] ?? 0);
  };
  const locateKey = (path: YamlPath): Position => {
    const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    const wanted = path.at(-1);
    if (isNode(parent) && 'items' in parent) {
      for (const pair of parent.items as { key?: unknown }[]) {
        if (isNode(pair.key) && String(pair.key) === String(wanted) && pair.key.range)
          return at(pair.key.range[0]);
      }
    }
    return locate(path);
  };
  return { locate, locateKey };
}
