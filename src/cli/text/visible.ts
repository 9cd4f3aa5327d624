import { redact } from '../../core/redact.ts';

/**
 * Fits text from wherever for being shown, on one line: takes secrets out, and makes characters visible that could move a
 * terminal's cursor, change its colours, turn the reading direction or begin a line that seems to be ours. These are the
 * controls, the format characters (bidirectional, invisible) and the separators of lines and paragraphs (Unicode's Cc,
 * Cf, Zl and Zp). Everything that is printed passes here; twice does no harm.
 */
export function visible(text: string): string {
  return redact(text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

/** The same for a text of several lines. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}
