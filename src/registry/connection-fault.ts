import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';

/** What people understand under the codes of Node and undici. */
const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no host of this name',
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

/** Faults that may be gone a moment later. A name that does not exist and a bad certificate are not among them. */
const passing = new Set(Object.keys(reasons).filter((code) => code !== 'ENOTFOUND'));

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** What OpenSSL makes of an answer that is not TLS; the name depends on its version. */
const notTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);

/** Is this error, as `connectionFault` made it, worth another try? */
export function isPassing(error: PackferryError): boolean {
  return error.code === 'E_SOURCE_UNREACHABLE' && passing.has(systemCodeOf(error.cause) ?? '');
}

/** The error for a request that got no answer, or whose answer broke off. `url` is where it happened. */
export function connectionFault(fault: unknown, url: URL, what: string): PackferryError {
  if (fault instanceof PackferryError) return fault;
  const code = systemCodeOf(fault) ?? '';
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${what}: ${url.host} speaks no HTTP: ${messageOf(fault)}`,
      {
        hint: 'Check the host and the port.',
        cause: fault,
      },
    );
  }
  return new PackferryError(
    'E_SOURCE_UNREACHABLE',
    `${what}: ${url.host} is out of reach: ${reasons[code] ?? messageOf(fault)}${code === '' ? '' : ` (${code})`}`,
    { hint: hintFor(code), cause: fault },
  );
}

function hintFor(code: string): string {
  if (untrusted.has(code)) {
    return 'If this registry has a certificate authority of its own, name its PEM file as caFile.';
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Use the host name that the certificate is made out to.';
  if (notTls.has(code)) {
    return 'If this registry speaks plain HTTP, set plainHttp for it.';
  }
  if (code === 'ENOTFOUND') return 'Check the name of the registry and the name server.';
  return 'Check host, port and network, then run the same command again.';
}
