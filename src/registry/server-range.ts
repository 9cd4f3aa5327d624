/** The bytes of a blob that a request wants: `from` inclusive, `end` exclusive. */
export type WantedRange =
  | { readonly kind: 'all' }
  | { readonly kind: 'part'; readonly from: number; readonly end: number }
  | { readonly kind: 'none' };

/**
 * Reads a `Range` header for content of `size` bytes (RFC 9110, section 14.2). One range of bytes is served; several,
 * other units and what is malformed are ignored, as the RFC allows. `none` is a range beyond the end, or one that ends before
 * it begins: 416.
 */
export function wantedRange(header: string | undefined, size: number): WantedRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, first, last] = match ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return { kind: 'all' };
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? { kind: 'none' } : { kind: 'part', from: size - length, end: size };
  }
  const from = Number(first);
  if (last !== '' && Number(last) < from) return { kind: 'none' };
  if (from >= size) return { kind: 'none' };
  return { kind: 'part', from, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}
