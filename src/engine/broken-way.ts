import { PackferryError, systemCodeOf, type ErrorCode } from '../core/errors.ts';

/** What the machine says of a connection that broke, or cannot be made at the moment. */
const broken = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);

/** Codes of faults that have such a cause, or another one. */
const perhaps: ReadonlySet<ErrorCode> = new Set(['E_ENGINE_UNREACHABLE', 'E_LOAD_FAILED']);

/**
 * Did the connection to an engine on another machine break? An engine that does not answer in time has not broken it: it
 * would not answer the next time either.
 */
export function connectionBroke(error: PackferryError): boolean {
  if (error.code === 'E_SSH_UNREACHABLE') return true;
  if (!perhaps.has(error.code)) return false;
  let cause: unknown = error;
  while (cause instanceof PackferryError) cause = cause.cause;
  return broken.has(systemCodeOf(cause) ?? '');
}
