import { PackferryError, type ErrorCode } from '../core/errors.ts';

const codes: Partial<Readonly<Record<ErrorCode, ErrorCode>>> = {
  E_ENGINE_UNREACHABLE: 'E_SOURCE_UNREACHABLE',
  E_ENGINE_DENIED: 'E_SOURCE_DENIED',
  E_ENGINE_PROTOCOL: 'E_SOURCE_PROTOCOL',
};

/** Gives a fault of an engine that images are taken from the code of a source: nothing was to be delivered to it. */
export function sourceFault(fault: unknown, engine: string): unknown {
  if (!(fault instanceof PackferryError)) return fault;
  const code = codes[fault.code];
  if (code === undefined) return fault;
  const hint = (engine.startsWith('podman:') ? podmanHints[code] : undefined) ?? fault.hint;
  const extras = hint === undefined ? {} : { hint };
  return new PackferryError(code, fault.message, { ...extras, cause: fault.cause ?? fault });
}

const podmanHints: Partial<Readonly<Record<ErrorCode, string>>> = {
  E_SOURCE_UNREACHABLE:
    'Start its socket ("systemctl --user start podman.socket", or without --user as root), check CONTAINER_HOST, or say where it is: podman:unix:///PATH.',
  E_SOURCE_DENIED:
    'Use the socket of your own Podman ("systemctl --user start podman.socket"), or run as root.',
};
