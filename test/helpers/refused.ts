import type { ExecutionContext } from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';

/** What `work` is refused with, which must be this code. */
export async function refused(
  t: ExecutionContext,
  code: ErrorCode,
  work: Promise<unknown>,
): Promise<PackferryError> {
  const error = await t.throwsAsync(work, { instanceOf: PackferryError });
  t.is(error.code, code, error.message);
  return error;
}
