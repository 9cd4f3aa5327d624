import {
  blockScalarEnd,
  flowEnd,
  isRestEmpty,
  lineEnd,
  plainEnd,
  quotedEnd,
  skipSpaces,
} from './yaml-spans.ts';

/** A key of a block mapping, and the lines that it takes up with its value. Offsets count in the given text. */
export interface OutlineEntry {
  readonly key: string;
  /** The start of the line of the key. */
  readonly start: number;
  /** The start of the line behind the entry. */
  end: number;
  /** Is the value a literal or folded scalar, of which the first line holds nothing but the header? */
  isBlock: boolean;
  /** The keys of the value when that is a block mapping; only those of the outermost entries are listed. */
  readonly entries: OutlineEntry[];
}

interface Collection {
  readonly isList: boolean;
  readonly indent: number;
  readonly keys: Set<string>;
  /** Its last entry has no value yet: one may follow on deeper lines. */
  isOpen: boolean;
}

/** Deeper texts are left to the full parser, and so are those with more keys. */
const mostLevels = 30;
const mostEntries = 100_000;

const plainKey = /([A-Za-z_][\w.-]{0,200}) *:(?=[ \n]|$)/y;

// They are no texts, and equal although they are written differently.
const specialKey = /^(?:null|true|false)$/i;

const control = /[\0-\x08\x0B-\x1F\x7F\uFEFF]/;

/**
 * The outermost two levels of keys of a text in everyday YAML: block mappings and lists with plain keys, whose values
 * are scalars of any style, or lists of words. Undefined for everything else (anchors, tags, flow mappings, quoted keys,
 * tabs, documents, duplicate keys ...) and for everything broken: a full parser has to decide about those. What this
 * function takes is valid YAML, which means what it says, to every parser.
 */
export function readOutline(text: string): readonly OutlineEntry[] | undefined {
  if (control.test(text)) return undefined;
  const outline = new Outline(text);
  return outline.read() ? outline.entries : undefined;
}

class Outline {
  readonly entries: OutlineEntry[] = [];
  readonly #text: string;
  /** The collections around the current line, outermost first. */
  readonly #open: Collection[] = [];
  #at = 0;
  #count = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** False as soon as something is not understood. */
  read(): boolean {
    const text = this.#text;
    if (/^--- *(?=\n)/.test(text)) this.#at = lineEnd(text, 0) + 1;
    while (this.#at < text.length) {
      const first = skipSpaces(text, this.#at);
      const code = text[first];
      if (code === undefined || code === '\n' || code === '#') this.#at = lineEnd(text, first) + 1;
      else if (!this.#enter(first) || !this.#readLine(first)) return false;
    }
    this.#finish(text.length, 0);
    return true;
  }

  /** Closes the collections that a line with its text at `first` is not part of. False if it cannot stand there. */
  #enter(first: number): boolean {
    const indent = first - this.#at;
    while ((this.#top?.indent ?? -1) > indent) this.#open.pop();
    const isItem = this.#isItem(first);
    // A list may stand below a key with the same indentation.
    if (this.#top?.isList === true && this.#top.indent === indent && !isItem) this.#open.pop();
    const top = this.#top;
    if (top === undefined) return indent === 0 && !isItem && this.entries.length === 0;
    const isNext = top.indent === indent && top.isList === isItem;
    if (isNext) return true;
    const mayHold = top.isOpen && (top.indent < indent || (isItem && !top.isList));
    top.isOpen = false;
    return mayHold;
  }

  /** Reads from `first` to the end of the entry or scalar that starts there, or to the end of the line. */
  #readLine(first: number): boolean {
    const text = this.#text;
    let at = first;
    while (this.#isItem(at)) {
      const list = this.#collection(true, at - this.#at);
      if (list === undefined) return false;
      list.isOpen = isRestEmpty(text, at + 1);
      if (list.isOpen) {
        this.#at = lineEnd(text, at) + 1;
        return true;
      }
      at = skipSpaces(text, at + 1);
    }
    plainKey.lastIndex = at;
    const key = plainKey.exec(text)?.[1];
    if (key !== undefined) return this.#readEntry(at, key, plainKey.lastIndex);
    const top = this.#top;
    // A scalar on the level of keys, or in place of the outermost mapping.
    if (top === undefined || (!top.isList && top.indent === at - this.#at)) return false;
    return this.#skipScalar(at, top.indent);
  }

  #readEntry(at: number, key: string, colon: number): boolean {
    const text = this.#text;
    const indent = at - this.#at;
    const map = this.#collection(false, indent);
    this.#count += 1;
    if (this.#count > mostEntries || map === undefined || map.keys.has(key) || specialKey.test(key))
      return false;
    map.keys.add(key);
    const value = skipSpaces(text, colon);
    const isBlock = text[value] === '|' || text[value] === '>';
    this.#note({ key, start: this.#at, end: text.length, isBlock, entries: [] });
    map.isOpen = isRestEmpty(text, colon);
    if (!map.isOpen) return this.#skipScalar(value, indent);
    this.#at = lineEnd(text, colon) + 1;
    return true;
  }

  #skipScalar(at: number, parent: number): boolean {
    const text = this.#text;
    const first = text[at] ?? '';
    let next: number;
    if (first === '|' || first === '>') next = blockScalarEnd(text, at, parent);
    else if (first === '"' || first === "'") next = quotedEnd(text, at, parent);
    else if (first === '[' || first === '{') next = flowEnd(text, at);
    else next = plainEnd(text, at, parent);
    if (next < 0) return false;
    this.#at = Math.min(next, text.length);
    return true;
  }

  /** The innermost collection if it stands in this column, otherwise a new one in it. */
  #collection(isList: boolean, indent: number): Collection | undefined {
    const top = this.#top;
    if (top?.isList === isList && top.indent === indent) return top;
    if (this.#open.length === mostLevels) return undefined;
    const fresh = { isList, indent, keys: new Set<string>(), isOpen: false };
    this.#open.push(fresh);
    return fresh;
  }

  #note(entry: OutlineEntry): void {
    if (this.#open.some(({ isList }) => isList)) return;
    const level = this.#open.length;
    if (level > 2) return;
    this.#finish(entry.start, level - 1);
    (level === 1 ? this.entries : this.entries.at(-1)?.entries)?.push(entry);
  }

  /** The last entries from a level on end here. */
  #finish(end: number, level: number): void {
    const outer = this.entries.at(-1);
    const inner = outer?.entries.at(-1);
    if (outer !== undefined && level === 0) outer.end = end;
    if (inner !== undefined && inner.end > end) inner.end = end;
  }

  #isItem(at: number): boolean {
    const text = this.#text;
    if (text[at] !== '-') return false;
    const next = text[at + 1];
    return next === undefined || next === ' ' || next === '\n';
  }

  get #top(): Collection | undefined {
    return this.#open.at(-1);
  }
}
