/**
 * Decodes base64 only when it is written in the one canonical way (RFC 4648 section 3.5): full padding, zero pad
 * bits, no other characters. Undefined otherwise, and for the empty text. Two texts never decode to the same bytes.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}
