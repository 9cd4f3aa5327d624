import { STATUS_CODES } from 'node:http';
import { PackferryError, type ErrorCode } from '../../core/errors.ts';
import { Refusal, retryAfterOf } from '../../core/http-faults.ts';

/** Does this error, as `refusalOf` made it, say that there is no such file? */
export function isAbsence(error: PackferryError): boolean {
  // Buckets whose content may not be listed answer 403 for files that do not exist.
  return error.cause instanceof Refusal && [403, 404, 410].includes(error.cause.status);
}

/** The error for an answer that is no success. */
export function refusalOf(
  answer: { readonly status: number; readonly url: URL; readonly retryAfter: string | undefined },
  what: string,
): PackferryError {
  const { status, url } = answer;
  const phrase = STATUS_CODES[status] === undefined ? '' : ` ${STATUS_CODES[status]}`;
  const code = codeFor(status);
  return new PackferryError(code, `${what}: ${url.host} answers ${status}${phrase}`, {
    hint: hints[code] ?? 'Check the address of the marketplace.',
    cause: new Refusal(status, retryAfterOf(answer.retryAfter, Date.now())),
  });
}

const hints: Partial<Record<ErrorCode, string>> = {
  E_SOURCE_DENIED: 'Check the address, and whether a proxy must be passed to reach it.',
  E_RATE_LIMITED: 'Too many requests were counted for this address. Try again later.',
  E_SOURCE_UNREACHABLE: 'Try again later.',
};

function codeFor(status: number): ErrorCode {
  if ([401, 403, 407].includes(status)) return 'E_SOURCE_DENIED';
  if (status === 429) return 'E_RATE_LIMITED';
  return status >= 500 || status === 408 ? 'E_SOURCE_UNREACHABLE' : 'E_SOURCE_PROTOCOL';
}
