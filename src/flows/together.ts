import { PackferryError } from '../core/errors.ts';

/** Faults as one, with the code of the first; one alone speaks for itself. There must be one. */
export function together(errors: readonly PackferryError[], message: string): PackferryError {
  const [first] = errors;
  if (first === undefined) return new PackferryError('E_INTERNAL', message);
  return errors.length === 1 ? first : new PackferryError(first.code, message, { errors });
}
