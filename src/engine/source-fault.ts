import { PackferryError, type ErrorCode } from '../core/errors.ts';
import { groupHint, startHint } from './engine-fault.ts';

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
export function sourceFault(fault: unknown, engine: string): unknown {
  if (!(fault instanceof PackferryError)) return fault;
  const code = codes[fault.code];
  if (code === undefined) return fault;
  const hint = engine.startsWith('podman:') ? podmanHint(fault.hint) : fault.hint;
  const extras = { ...(hint === undefined ? {} : { hint }), errors: fault.errors };
  return new PackferryError(code, fault.message, { ...extras, cause: fault.cause ?? fault });
}

/** What is said of Docker, for Podman. Hints that fit both stay. */
function podmanHint(hint: string | undefined): string | undefined {
  if (hint === startHint)
    return 'Start its socket ("systemctl --user start podman.socket", or without --user as root), check CONTAINER_HOST, or say where it is: podman:unix:///PATH.';
  if (hint === groupHint)
    return 'Use the socket of your own Podman ("systemctl --user start podman.socket"), or run as root.';
  return hint;
}
