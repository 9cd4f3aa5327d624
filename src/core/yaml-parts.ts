import { readOutline, type OutlineEntry } from './yaml-outline.ts';
import { lineEnd } from './yaml-spans.ts';
import { parseYaml, type Position, type YamlFile, type YamlOptions } from './yaml.ts';

/**
 * The keys of a mapping that are wanted: `whole` with all that is below them; or, of a value that is a mapping, only
 * some of its keys. A literal or folded text in such a place may come as an empty text.
 */
export type YamlParts = Readonly<Record<string, 'whole' | Readonly<Record<string, 'whole'>>>>;

/**
 * Parses the wanted parts of a YAML text, many times faster than `parseYaml` where the text is everyday YAML with a lot
 * in it that is not wanted. The outcome is the same as that of `parseYaml`, positions and errors included, but for the
 * keys that are missing; a text that is not plainly in everyday form goes to `parseYaml` as it is. So the rest of a text
 * is checked as well, though not built: a broken one is an error wherever it is broken.
 */
export function parseYamlParts(text: string, parts: YamlParts, options: YamlOptions): YamlFile {
  const excerpt = text.length > options.maxBytes ? undefined : excerptOf(text, parts);
  if (excerpt === undefined) return parseYaml(text, options);
  const file = parseYaml(excerpt.text, options);
  const original = ({ line, column }: Position): Position => ({ line: excerpt.lineOf(line), column });
  return {
    ...file,
    locate: (path) => original(file.locate(path)),
    locateKey: (path) => original(file.locateKey(path)),
  };
}

interface Excerpt {
  readonly text: string;
  /** The line of the whole text that is this line of the excerpt; both count from 1. */
  lineOf(line: number): number;
}

/** Whole lines of the text with the wanted parts; undefined when it is not in everyday form or has none of them. */
export function excerptOf(text: string, parts: YamlParts): Excerpt | undefined {
  const plain = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const lines: Lines[] = [];
  for (const entry of readOutline(plain) ?? []) {
    const part = Object.hasOwn(parts, entry.key) ? parts[entry.key] : undefined;
    if (part === 'whole') lines.push(entry);
    else if (part !== undefined) lines.push(...linesOf(entry, part, plain));
  }
  if (lines.length === 0) return undefined;
  return {
    text: lines.map(({ start, end }) => plain.slice(start, end)).join(''),
    lineOf: lineFinder(lines, plain),
  };
}

/** Some lines of a text, by their offsets. */
type Lines = Pick<OutlineEntry, 'start' | 'end'>;

function linesOf(entry: OutlineEntry, wanted: Readonly<Record<string, 'whole'>>, text: string): Lines[] {
  if (entry.isBlock) return [firstLine(entry, text)];
  const [first] = entry.entries;
  if (first === undefined) return [entry];
  const inner: Lines[] = entry.entries.filter(({ key }) => Object.hasOwn(wanted, key));
  // Without any key it would be no mapping.
  if (inner.length === 0) inner.push(first.isBlock ? firstLine(first, text) : first);
  return [{ ...entry, end: first.start }, ...inner];
}

function firstLine({ start }: OutlineEntry, text: string): Lines {
  const end = text.indexOf('\n', start);
  return { start, end: end < 0 ? text.length : end + 1 };
}

function lineFinder(lines: readonly Lines[], text: string): Excerpt['lineOf'] {
  const numbers: number[] = [];
  let line = 1;
  let at = 0;
  for (const { start, end } of lines) {
    for (; at < start; line += 1) at = lineEnd(text, at) + 1;
    for (; at < end; line += 1) {
      at = lineEnd(text, at) + 1;
      numbers.push(line);
    }
  }
  // A mistake may also stand behind the last line.
  return (asked) => numbers[asked - 1] ?? line;
}
