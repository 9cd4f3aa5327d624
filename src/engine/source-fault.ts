import { PackferryError, type ErrorCode, type ErrorDetails } from '../core/errors.ts';

const codes: Partial<Readonly<Record<ErrorCode, ErrorCode>>> = {
  E_ENGINE_UNREACHABLE: 'E_SOURCE_UNREACHABLE',
  E_ENGINE_DENIED: 'E_SOURCE_DENIED',
  E_ENGINE_PROTOCOL: 'E_SOURCE_PROTOCOL',
  E_SSH_UNREACHABLE: 'E_SOURCE_UNREACHABLE',
  E_SSH_AUTH: 'E_SOURCE_DENIED',
  E_HOST_KEY_UNKNOWN: 'E_SOURCE_DENIED',
  E_HOST_KEY_CHANGED: 'E_SOURCE_DENIED',
  E_HOST_KEY_REVOKED: 'E_SOURCE_DENIED',
};

/** Gives a fault of an engine that images are taken from the code of a source: nothing was to be delivered to it. */
export function sourceFault(fault: unknown, more: ErrorDetails = {}): unknown {
  if (!(fault instanceof PackferryError)) return fault;
  const code = codes[fault.code];
  if (code === undefined) return fault;
  const { hint, errors, details } = fault;
  return new PackferryError(code, fault.message, {
    ...(hint === undefined ? {} : { hint }),
    errors,
    details: { ...details, ...more },
    cause: fault.cause ?? fault,
  });
}
