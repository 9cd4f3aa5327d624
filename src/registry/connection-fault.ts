import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { connectionReasons, proxyHint, proxyRefusal } from '../core/http-faults.ts';
import type { Proxy } from '../core/proxy.ts';
import { tlsFaultOf } from '../core/tls-faults.ts';
import { TunnelRefused } from './http/http-fault.ts';

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
  switch (tlsFaultOf(code)) {
    case 'untrusted':
      return `If ${host} has a certificate authority of its own, name its PEM file: as caFile under registries, or with --ca-file.`;
    case 'wants certificate':
      return `${host} wants a certificate of you, or another one: name it as clientCert and clientKey under registries.`;
    case 'other name':
      return 'Use the host name that the certificate is made out to.';
    case 'not TLS':
      return 'If this registry speaks plain HTTP, set plainHttp for it.';
    case 'expired':
      return 'Compare the clock of this machine with the dates of the certificate.';
    case undefined:
  }
  if (code === 'ENOTFOUND') {
    const check = 'Check the name of the registry and the name server.';
    // Capital letters make a host of the first part of a name.
    return host.includes('.') || host.includes(':')
      ? check
      : `${check} If ${host} is no registry: names of images are lower case, and one that begins with a capital letter would be a registry.`;
  }
  // The words of a server that misses a client certificate are often lost, since it closes the connection at once.
  const closed = protocol === 'https:' && ['HTTP_CLOSED', 'ECONNRESET', 'EPIPE'].includes(code);
  const certificate = closed
    ? ` If ${host} wants a certificate of you, name it as clientCert and clientKey.`
    : '';
  return `Check host, port and network, then run the same command again.${certificate}`;
}
