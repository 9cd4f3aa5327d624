import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { PackferryError, type ErrorCode } from './errors.ts';

/** A place in a text file; line and column count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type YamlPath = readonly (string | number)[];

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
 * off, duplicate keys and several documents are errors, `=` is an ordinary scalar, a byte order mark is skipped.
 * All mistakes are reported at once, each as `file:line:column`.
 */
export function parseYaml(text: string, options: YamlOptions): YamlFile {
  if (text.length > options.maxBytes) {
    throw new PackferryError(options.code, `${options.name}: over the limit of ${options.maxBytes} bytes`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: false,
    version: '1.2',
  });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  if (document.errors.length > 0) {
    const errors = document.errors.map((fault) => {
      const { line, column } = at(fault.pos[0]);
      return new PackferryError(options.code, `${options.name}:${line}:${column}: ${fault.message}`);
    });
    throw sumUp(errors, options, `${options.name} is no valid YAML`);
  }
  return { name: options.name, document, value: valueOf(document, options), ...locators(document, at) };
}

function valueOf(document: Document, options: YamlOptions): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (cause) {
    throw new PackferryError(options.code, `${options.name}: too many aliases`, { cause });
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

/** One error as it is, several under one header. */
function sumUp(errors: readonly PackferryError[], options: YamlOptions, header: string): PackferryError {
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  return new PackferryError(options.code, `${header}: ${errors.length} mistakes`, { errors });
}
