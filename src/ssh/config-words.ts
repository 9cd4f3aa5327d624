/** One line of ssh_config, or a text for what is wrong with it. */
export interface ConfigLine {
  /** In lower case. */
  readonly keyword: string;
  readonly words: readonly string[];
}

/**
 * Takes a line of ssh_config(5) apart as OpenSSH 9 does: `Keyword words` or `Keyword=words`; words in double or single
 * quotes may hold spaces; a backslash escapes quotes, itself and, outside quotes, a space; `#` before a word ends the line.
 * Undefined for blank lines and comments.
 */
export function parseConfigLine(text: string): ConfigLine | string | undefined {
  const line = text.trim();
  if (line === '' || line.startsWith('#')) return undefined;
  const [, keyword = '', rest = ''] = /^"?([A-Za-z0-9]+)"?(?:[ \t]*=[ \t]*|[ \t]+)(.*)$/.exec(line) ?? [];
  if (keyword === '') return 'a keyword and its value are wanted';
  const words = splitWords(rest);
  if (words === undefined) return 'a quote is not closed';
  if (words.length === 0) return `${keyword} has no value`;
  return { keyword: keyword.toLowerCase(), words };
}

/** The words of a line; undefined when a quote is not closed. */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    const next = text.charAt(at + 1);
    const isSpace = character === ' ' || character === '\t';
    if (word === undefined) {
      if (isSpace) continue;
      if (character === '#') return words;
      word = '';
    }
    if (character === '\\' && next !== '' && (`'"\\`.includes(next) || (next === ' ' && quote === ''))) {
      word += next;
      at += 1;
    } else if (quote === '' && isSpace) {
      words.push(word);
      word = undefined;
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
    } else if (character === quote) {
      quote = '';
    } else {
      word += character;
    }
  }
  if (quote !== '') return undefined;
  return word === undefined ? words : [...words, word];
}
