import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { connectionReasons, proxyHint, proxyRefusal } from '../core/http-faults.ts';
import type { Proxy } from '../core/proxy.ts';
import { TunnelRefused } from './http/http-fault.ts';

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** What a server says that does not get the client certificate that it wants (RFC 8446, section 6.2). */
const wantsCertificate = /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN)$/;

/** What OpenSSL makes of an answer that is not TLS; the name depends on its version. */
const notTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);

/**
 * The error for a request that got no answer, or whose answer broke off. `url` is where it happened, `proxy` what stands
 * in between.
 */
export function connectionFault(fault: unknown, url: URL, what: string, proxy?: Proxy): PackferryError {
  if (fault instanceof PackferryError) return fault;
  if (proxy !== undefined && fault instanceof TunnelRefused) {
    return proxyRefusal(fault.status, proxy, url, what);
  }
  const code = systemCodeOf(fault) ?? '';
  const through = proxy === undefined ? '' : ` through the proxy ${proxy.host}`;
  if (code === 'HTTP_MALFORMED') {
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
    `${what}: ${url.host} is out of reach${through}: ${connectionReasons[code] ?? messageOf(fault)}${code === '' ? '' : ` (${code})`}`,
    { hint: proxyHint(code, proxy, url) ?? hintFor(code, url), cause: fault },
  );
}

function hintFor(code: string, { host, protocol }: URL): string {
  if (untrusted.has(code)) {
    return `If ${host} has a certificate authority of its own, name its PEM file: as caFile under registries, or with --ca-file.`;
  }
  if (wantsCertificate.test(code)) {
    return `${host} wants a certificate of you, or another one: name it as clientCert and clientKey under registries.`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Use the host name that the certificate is made out to.';
  if (notTls.has(code)) {
    return 'If this registry speaks plain HTTP, set plainHttp for it.';
  }
  if (code === 'ENOTFOUND') return 'Check the name of the registry and the name server.';
  // The words of a server that misses a client certificate are often lost, since it closes the connection at once.
  const closed = protocol === 'https:' && ['HTTP_CLOSED', 'ECONNRESET', 'EPIPE'].includes(code);
  const certificate = closed
    ? ` If ${host} wants a certificate of you, name it as clientCert and clientKey.`
    : '';
  return `Check host, port and network, then run the same command again.${certificate}`;
}
