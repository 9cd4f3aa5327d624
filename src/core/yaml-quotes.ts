import { Lexer } from 'yaml';

/** Scalars that are mended in one text, and characters that mending may add beyond doubling it. */
const mostRounds = 100;
const spareGrowth = 100_000;

/** Lexemes that stand for no characters: start of a document, end of a flow collection, "a plain scalar follows". */
const marks = { document: '\u0002', flowEnd: '\u0018', scalar: '\u001F' };

/**
 * Indents the continuation lines of quoted scalars that have too little indentation. The YAML specification wants them
 * deeper than their parent, and our parser insists; libyaml and go-yaml do not, so published items have such texts.
 * The added spaces do not count in the value, and nothing moves to another line.
 */
export function indentQuoted(text: string): string {
  let mended = text;
  for (let round = 0; round < mostRounds; round += 1) {
    const start = unclosedQuote(mended);
    const end = start === undefined ? undefined : closingQuote(mended, start);
    if (start === undefined || end === undefined) return mended;
    const scalar = mended.slice(start, end + 1);
    const column = start - (mended.lastIndexOf('\n', start) + 1);
    const breaks = scalar.match(/\n(?=[^\r\n])/g)?.length ?? 0;
    if (mended.length + breaks * column > 2 * text.length + spareGrowth) return mended;
    const indented = scalar.replace(/\n(?=[^\r\n])/g, `\n${' '.repeat(column)}`);
    mended = mended.slice(0, start) + indented + mended.slice(end + 1);
  }
  return mended;
}

/** Where the first quoted scalar starts that the lexer ended without its closing quote. */
function unclosedQuote(text: string): number | undefined {
  let offset = 0;
  let isPlain = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (!isPlain && Object.values(marks).includes(lexeme)) {
      isPlain = lexeme === marks.scalar;
      continue;
    }
    const isQuoted = !isPlain && /^["']/.test(lexeme);
    if (isQuoted && closingQuote(lexeme, 0) !== lexeme.length - 1) return offset;
    isPlain = false;
    offset += lexeme.length;
  }
  return undefined;
}

/** Where the quoted scalar that starts at `start` has its closing quote. */
function closingQuote(text: string, start: number): number | undefined {
  const quote = text[start] ?? '"';
  for (let at = text.indexOf(quote, start + 1); at >= 0; at = text.indexOf(quote, at + 1)) {
    if (quote === '"') {
      let escapes = 0;
      while (text[at - 1 - escapes] === '\\') escapes += 1;
      if (escapes % 2 === 0) return at;
    } else if (text[at + 1] === "'") {
      at += 1;
    } else {
      return at;
    }
  }
  return undefined;
}
