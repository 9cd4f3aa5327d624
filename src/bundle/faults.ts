import { PackferryError, type ErrorDetails } from '../core/errors.ts';

export interface SumUp {
  /** What several faults are called together; their number follows. */
  readonly header: string;
  /** What to do, where the first fault does not say. */
  readonly hint?: string;
  readonly details?: ErrorDetails;
}

/** One error for several: the only one itself, or their sum, which has the code of the first. Undefined when there is none. */
export function sumOf(errors: readonly PackferryError[], sum: SumUp): PackferryError | undefined {
  const [first] = errors;
  if (first === undefined) return undefined;
  const hint = first.hint ?? sum.hint;
  const isOne = errors.length === 1;
  return new PackferryError(first.code, isOne ? first.message : `${sum.header}: ${errors.length} faults`, {
    ...(hint === undefined ? {} : { hint }),
    ...(isOne ? { cause: first.cause ?? first, errors: first.errors } : { errors }),
    details: { ...(isOne ? first.details : {}), ...sum.details },
  });
}

/** Throws `sumOf`, if there is anything to throw. */
export function throwAll(errors: readonly PackferryError[], sum: SumUp): void {
  const error = sumOf(errors, sum);
  if (error !== undefined) throw error;
}
