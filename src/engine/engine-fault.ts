import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { connectionReasons } from '../core/http-faults.ts';
import { tlsFaultOf } from '../core/tls-faults.ts';

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

const tlsHints = {
  untrusted:
    'Is this the right engine? The authority that its certificate is of belongs into ca.pem in DOCKER_CERT_PATH, or into the context.',
  expired: 'Compare the clock of this machine with the dates of the certificate of the engine.',
  'wants certificate':
    'DOCKER_CERT_PATH, or the context, has to have cert.pem and key.pem of an authority that the engine trusts.',
  'other name': 'Use the host name that the certificate of the engine is made out to.',
  'not TLS':
    'The engine speaks no TLS there: check the port, or unset DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH.',
} as const;

/** Of an engine that is not there; `name` says which one that is. */
function startHint(name: string): string {
  if (isTcp(name))
    return 'Is it up, and is this its port? One that speaks TLS takes DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, the folder of ca.pem, cert.pem and key.pem.';
  return isPodman(name)
    ? 'Start its socket ("systemctl --user start podman.socket", or without --user as root), check CONTAINER_HOST, or say where it is: podman:unix:///PATH.'
    : 'Start it ("systemctl start docker"), check DOCKER_HOST, or say where it is: docker:unix:///PATH.';
}

function groupHint(name: string): string {
  return isPodman(name)
    ? 'Use the socket of your own Podman ("systemctl --user start podman.socket"), or run as root.'
    : 'Join the group docker (sudo usermod -aG docker "$USER", then log in again), go by sudo ("docker:?sudo"), or run as root.';
}

function isTcp(name: string): boolean {
  return /(?:^|: )docker:tcp:/.test(name);
}

function isPodman(name: string): boolean {
  return /(?:^|: )podman:/.test(name);
}

/**
 * Gives a fault of the connection to an engine its code: `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED`, or
 * `E_ENGINE_PROTOCOL` for what is no HTTP, and for an answer over its limit. Other faults that have a code already
 * stay as they are. `what` names the engine by its URL, and before that the image where there is one.
 */
export function engineFault(fault: unknown, what: string): PackferryError {
  if (fault instanceof PackferryError && fault.code !== 'E_LIMIT_EXCEEDED') return fault;
  const code = systemCodeOf(fault);
  if (code === 'EACCES' || code === 'EPERM') return denied(what, inWords(fault, code), fault);
  if (code !== undefined && unreachable.has(code)) {
    return new PackferryError(
      'E_ENGINE_UNREACHABLE',
      `${what}: the engine is out of reach: ${inWords(fault, code)}`,
      { hint: startHint(what), cause: fault },
    );
  }
  const secure = code === undefined ? undefined : tlsFaultOf(code);
  if (secure === 'wants certificate') {
    const why = `it wants another certificate of you: ${messageOf(fault)}`;
    return new PackferryError('E_ENGINE_DENIED', `${what}: access denied: ${why}`, {
      hint: tlsHints[secure],
      cause: fault,
    });
  }
  if (secure !== undefined) {
    return new PackferryError(
      'E_ENGINE_UNREACHABLE',
      `${what}: no TLS with the engine: ${messageOf(fault)}`,
      {
        hint: tlsHints[secure],
        cause: fault,
      },
    );
  }
  return new PackferryError('E_ENGINE_PROTOCOL', `${what}: ${messageOf(fault)}`, {
    hint: 'Is this the socket of Docker or Podman?',
    cause: fault,
  });
}

/** What most see first: Node says `connect ENOENT /PLACE`. */
function inWords(fault: unknown, code: string): string {
  const place = /^connect [A-Z]+ (.+)$/.exec(messageOf(fault))?.[1];
  if (place === undefined) return messageOf(fault);
  if (code === 'ENOENT') return `there is no socket ${place}`;
  if (code === 'EACCES' || code === 'EPERM') return `this user may not use the socket ${place}`;
  if (code === 'ECONNREFUSED' && place.startsWith('/')) return `nobody listens at the socket ${place}`;
  const reason = connectionReasons[code];
  return reason === undefined ? messageOf(fault) : `${reason} (${place}, ${code})`;
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
    hint: groupHint(what),
    cause,
  });
}
