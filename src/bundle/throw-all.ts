import { PackferryError } from '../core/errors.ts';

/** Throws what went wrong, several faults as one error that carries them all; nothing when there are none. */
export function throwAll(errors: readonly PackferryError[], header: string, hint?: string): void {
  const [first] = errors;
  if (first === undefined) return;
  throw new PackferryError(
    first.code,
    errors.length === 1 ? first.message : `${header}: ${errors.length} faults`,
    {
      ...((first.hint ?? hint) === undefined ? {} : { hint: first.hint ?? hint ?? '' }),
      ...(errors.length === 1 ? {} : { errors }),
    },
  );
}
