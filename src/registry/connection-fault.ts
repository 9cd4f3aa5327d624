import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { connectionReasons } from '../core/http-faults.ts';

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** What OpenSSL makes of an answer that is not TLS; the name depends on its version. */
const notTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);

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
    `${what}: ${url.host} is out of reach: ${connectionReasons[code] ?? messageOf(fault)}${code === '' ? '' : ` (${code})`}`,
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
