/** Crockford's base32: no I, L, O and U, which are taken for others when they are read aloud or written down. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Symbols that carry the hash: 155 bits of it. */
const dataSymbols = 31;
const groupSize = 4;

/**
 * The short code of a receipt, to be read over the phone or written on paper: eight groups of four symbols. The first 31
 * symbols are the first 155 bits of the sha256 (hex) of the receipt's file, five bits each, in Crockford's base32; the
 * last one is a check symbol. It shows every single wrong symbol, and any two that have changed places.
 */
export function receiptCode(sha256: string): string {
  const bits = BigInt(`0x${sha256}`) >> BigInt(256 - 5 * dataSymbols);
  const values = Array.from({ length: dataSymbols }, (_, at) =>
    Number((bits >> BigInt(5 * (dataSymbols - 1 - at))) & 31n),
  );
  const symbols = [...values, checkOf(values)].map((value) => alphabet.charAt(value)).join('');
  return (symbols.match(new RegExp(`.{${groupSize}}`, 'g')) ?? []).join('-');
}

/**
 * Reads a code as people write it: in any case, with or without hyphens and spaces, O for 0, I and L for 1. Returns it
 * as `receiptCode` has it; undefined when it is none, for instance since a symbol was misheard.
 */
export function readReceiptCode(text: string): string | undefined {
  const plain = text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  const values = Array.from(plain, (symbol) => alphabet.indexOf(symbol));
  if (values.length !== dataSymbols + 1 || values.includes(-1)) return undefined;
  if (checkOf(values.slice(0, dataSymbols)) !== values[dataSymbols]) return undefined;
  return (plain.match(new RegExp(`.{${groupSize}}`, 'g')) ?? []).join('-');
}

/**
 * The symbols as coefficients of a polynomial over the field of 32 elements (x^5 + x^2 + 1), evaluated at its generator,
 * which has the order 31: no two places of a code have the same weight.
 */
function checkOf(values: readonly number[]): number {
  return values.reduce((sum, value) => double(sum) ^ value, 0);
}

function double(value: number): number {
  const twice = value << 1;
  return twice > 31 ? twice ^ 0b100101 : twice;
}
