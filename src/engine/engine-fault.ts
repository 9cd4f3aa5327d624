import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';

const unreachable = new Set([
  'ENOENT',
  'ENOTSOCK',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
]);

/** Of the local engine that is not there. */
export const startHint =
  'Start it ("systemctl start docker"), check DOCKER_HOST, or say where it is: docker:unix:///PATH.';

export const groupHint =
  'Join the group docker (sudo usermod -aG docker "$USER", then log in again), go by sudo ("docker:?sudo"), or run as root.';

/**
 * Gives a fault of the connection to an engine its code: `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED`, or
 * `E_ENGINE_PROTOCOL` for what is no HTTP, and for an answer over its limit. Other faults that have a code already
 * stay as they are. `what` names the engine, and the image where there is one.
 */
export function engineFault(fault: unknown, what: string): PackferryError {
  if (fault instanceof PackferryError && fault.code !== 'E_LIMIT_EXCEEDED') return fault;
  const code = systemCodeOf(fault);
  if (code === 'EACCES' || code === 'EPERM') return denied(what, messageOf(fault), fault);
  if (code !== undefined && unreachable.has(code)) {
    return new PackferryError(
      'E_ENGINE_UNREACHABLE',
      `${what}: the engine is out of reach: ${code === 'ENOENT' ? noSocket(fault) : messageOf(fault)}`,
      {
        hint: startHint,
        cause: fault,
      },
    );
  }
  return new PackferryError('E_ENGINE_PROTOCOL', `${what}: ${messageOf(fault)}`, {
    hint: 'Is this the socket of Docker or Podman?',
    cause: fault,
  });
}

/** In words: it is the fault that most see first. */
function noSocket(fault: unknown): string {
  return messageOf(fault).replace(/^connect ENOENT /, 'there is no socket ');
}

/** The error for an engine that was reached and did not answer in time. */
export function noAnswer(what: string, milliseconds: number): PackferryError {
  return new PackferryError('E_ENGINE_UNREACHABLE', `${what}: no answer within ${milliseconds / 1000} s`, {
    hint: 'The engine hangs or is overloaded: look into its log, restart it, then run again.',
  });
}

/** The error for an engine that will not talk to this user. */
export function denied(what: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_ENGINE_DENIED', `${what}: access denied: ${why}`, {
    hint: groupHint,
    cause,
  });
}
