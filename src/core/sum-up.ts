import { PackferryError, type ErrorCode } from './errors.ts';

/**
 * One error for all mistakes of a file or a run: a single one as it is, several under one header that counts them.
 * Mistakes that sum up others are taken apart first, so `.errors` of the result is flat.
 */
export function sumUp(code: ErrorCode, header: string, mistakes: readonly PackferryError[]): PackferryError {
  const flat = flattened(mistakes);
  const [first] = flat;
  if (first !== undefined && flat.length === 1) return first;
  return new PackferryError(code, `${header}: ${flat.length} mistakes`, { errors: flat });
}

function flattened(mistakes: readonly PackferryError[]): PackferryError[] {
  return mistakes.flatMap((mistake) => (mistake.errors.length === 0 ? [mistake] : flattened(mistake.errors)));
}
