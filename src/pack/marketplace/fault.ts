import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';

/** What people understand under the codes of Node and undici. All of these may be gone a moment later. */
const passing: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'the name lookup failed',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'no answer came in time',
  UND_ERR_BODY_TIMEOUT: 'the data stopped coming',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is shorter or longer than announced',
};

/** Is this error, as `connectionFault` made it, worth another try? */
export function isPassing(error: PackferryError): boolean {
  return error.code === 'E_SOURCE_UNREACHABLE' && Object.hasOwn(passing, systemCodeOf(error.cause) ?? '');
}

/** The error for a request that got no answer, or whose answer broke off. */
export function connectionFault(fault: unknown, url: URL, what: string): PackferryError {
  if (fault instanceof PackferryError) return fault;
  const code = systemCodeOf(fault) ?? '';
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${what}: ${url.host} speaks no HTTP: ${messageOf(fault)}`,
      { hint: 'Check the address of the marketplace.', cause: fault },
    );
  }
  const why = code === 'ENOTFOUND' ? 'there is no host of this name' : (passing[code] ?? messageOf(fault));
  return new PackferryError(
    'E_SOURCE_UNREACHABLE',
    `${what}: ${url.host} is out of reach: ${why}${code === '' ? '' : ` (${code})`}`,
    { hint: hintFor(code), cause: fault },
  );
}

/** Throws when the caller has stopped the work: the caller's own reason when it gave one. */
export function refuseAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted !== true) return;
  const reason: unknown = signal.reason;
  if (reason instanceof PackferryError) throw reason;
  throw new PackferryError('E_INTERRUPTED', `${what}: stopped`, { cause: reason });
}

function hintFor(code: string): string {
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return 'If a proxy or mirror stands in between, name the PEM file of its certificate authority.';
  }
  return 'Check the address and the network, then run the same command again.';
}
