/**
 * Makes characters visible that could move a terminal's cursor, change its colours or turn the reading direction: names
 * and messages come from outside. Line feeds stay.
 */
export function visible(text: string): string {
  // C0 but line feed, DEL, C1, soft hyphen, zero-width and bidi controls, line and paragraph separators, BOM.
  return text.replace(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}
