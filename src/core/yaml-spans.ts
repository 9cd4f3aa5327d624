/**
 * Where the values of everyday YAML end. Each function takes the offset at which a value starts and the indentation of
 * the collection that holds it, and returns the offset of the line that follows, or -1 for whatever is not plainly
 * right: then the full parser has to decide. Lines end with `\n` alone.
 */

const space = 32;
const newline = 10;

/** The offset of the line break that ends the line of `at`, or the length of the text. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** The offset of the first character from `at` on that is no space. */
export function skipSpaces(text: string, at: number): number {
  let next = at;
  while (text.charCodeAt(next) === space) next += 1;
  return next;
}

/** Is nothing but spaces, or a comment behind a space, left of the line? */
export function isRestEmpty(text: string, at: number): boolean {
  const next = skipSpaces(text, at);
  const code = text.charCodeAt(next);
  return next >= text.length || code === newline || (text[next] === '#' && text[next - 1] === ' ');
}

const blockHeader = /[|>][+-]?(?: *| +#[^\n]*)(?=\n|$)/y;

/** Literal and folded scalars (`|`, `>`) whose indentation is that of their first line. */
export function blockScalarEnd(text: string, at: number, parent: number): number {
  blockHeader.lastIndex = at;
  if (!blockHeader.test(text)) return -1;
  let indent = -1;
  let widestBlank = 0;
  let next = lineEnd(text, at) + 1;
  while (next < text.length) {
    const first = skipSpaces(text, next);
    const width = first - next;
    if (first < text.length && text.charCodeAt(first) !== newline) {
      if (indent < 0) {
        if (width <= parent) break;
        // Blank lines that are wider than the first line are a mistake.
        if (widestBlank > width) return -1;
        indent = width;
      } else if (width < indent) {
        break;
      }
    } else if (indent < 0) {
      widestBlank = Math.max(widestBlank, width);
    }
    next = lineEnd(text, first) + 1;
  }
  return next;
}

/** Quoted scalars, also over several lines if each is indented more than the parent. */
export function quotedEnd(text: string, at: number, parent: number): number {
  const close = text[at] === '"' ? doubleQuoteEnd(text, at) : singleQuoteEnd(text, at);
  if (close < 0 || !isRestEmpty(text, close + 1)) return -1;
  for (let start = lineEnd(text, at) + 1; start <= close; start = lineEnd(text, start) + 1) {
    const first = skipSpaces(text, start);
    if (first - start <= parent && text.charCodeAt(first) !== newline) return -1;
  }
  return lineEnd(text, close) + 1;
}

function singleQuoteEnd(text: string, at: number): number {
  let close = text.indexOf("'", at + 1);
  while (close >= 0 && text[close + 1] === "'") close = text.indexOf("'", close + 2);
  return close;
}

const escape = /\\(?:["\\/0abefnrtvN_LP \n]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})/y;

function doubleQuoteEnd(text: string, at: number): number {
  let from = at + 1;
  let close = text.indexOf('"', from);
  while (close >= 0) {
    // Not beyond the quote: a text of many scalars would be searched to its end for each.
    const backslash = text.slice(from, close).indexOf('\\');
    if (backslash < 0) return close;
    escape.lastIndex = from + backslash;
    if (!escape.test(text)) return -1;
    from = escape.lastIndex;
    if (from > close) close = text.indexOf('"', from);
  }
  return -1;
}

const word = String.raw`[\w./-]+`;
const item = String.raw`(?:[A-Za-z0-9_][\w./-]*(?: ${word})*|"[^"\\\n]*"|'[^'\n]*')`;
const flow = new RegExp(String.raw`\{ *\}|\[ *(?:${item}(?: *, *${item})*)? *\]`, 'y');

/** `{}`, and lists of words and quoted texts on one line. */
export function flowEnd(text: string, at: number): number {
  flow.lastIndex = at;
  if (!flow.test(text) || !isRestEmpty(text, flow.lastIndex)) return -1;
  return lineEnd(text, at) + 1;
}

// What no plain scalar starts with here. Some of it may start one, depending on what follows.
const plainStart = /[A-Za-z0-9_./()<=+$~^;\\]|-(?=[A-Za-z0-9.])|[\u00A1-\uD7FF\uE000-\uFEFE]/y;

// The end of the key, a comment, or what we leave to the full parser.
const plainMark = /:(?=[ \n]|$)| #|\t|\n/g;

/** Plain scalars, also over several lines: a line that is indented more than the parent goes on with it. */
export function plainEnd(text: string, at: number, parent: number): number {
  plainStart.lastIndex = at;
  if (!plainStart.test(text)) return -1;
  let next = at;
  while (next < text.length) {
    plainMark.lastIndex = next;
    const mark = plainMark.exec(text);
    const end = mark?.index ?? text.length;
    const code = mark?.[0].charCodeAt(0);
    if (code !== undefined && code !== newline) return code === space ? lineEnd(text, end) + 1 : -1;
    const line = end + 1;
    const first = firstOfNextText(text, line);
    const start = text.lastIndexOf('\n', first - 1) + 1;
    if (first >= text.length || first - start <= parent || text[first] === '#') return line;
    next = first;
  }
  return next;
}

/** The first character from `at` on that is neither a space nor a line break. */
function firstOfNextText(text: string, at: number): number {
  let next = skipSpaces(text, at);
  while (text.charCodeAt(next) === newline) next = skipSpaces(text, next + 1);
  return next;
}
