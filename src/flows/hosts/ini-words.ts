/** A word of a line, without its quotes. */
export interface Word {
  readonly text: string;
  /** Characters before it. */
  readonly column: number;
  /** A quote in it does not end. */
  readonly isOpen: boolean;
}

/** Takes a line apart as a shell does, as far as inventories go: spaces, both quotes, a backslash, and `#` for comments. */
export function splitWords(line: string): readonly Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < line.length) {
    if (/\s/.test(line[at] ?? '')) {
      at += 1;
    } else if (line[at] === '#') {
      break;
    } else {
      const { word, end } = wordAt(line, at);
      words.push(word);
      at = end;
    }
  }
  return words;
}

function wordAt(line: string, start: number): { readonly word: Word; readonly end: number } {
  const parts: string[] = [];
  let quote = '';
  let at = start;
  for (; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (quote === '' && /\s/.test(character)) break;
    if (character === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1;
      parts.push(line[at] ?? '');
    } else if (character === quote) {
      quote = '';
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
    } else {
      parts.push(character);
    }
  }
  return { word: { text: parts.join(''), column: start, isOpen: quote !== '' }, end: at };
}
