import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { connectionReasons, proxyHint, proxyRefusal, refusedTunnel } from '../../core/http-faults.ts';
import type { Proxy } from '../../core/proxy.ts';

/** The error for a request that got no answer, or whose answer broke off. */
export function connectionFault(fault: unknown, url: URL, what: string, proxy?: Proxy): PackferryError {
  if (fault instanceof PackferryError) return fault;
  const refused = proxy === undefined ? undefined : refusedTunnel(fault);
  if (proxy !== undefined && refused !== undefined) return proxyRefusal(refused, proxy, url, what);
  const code = systemCodeOf(fault) ?? '';
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${what}: ${url.host} speaks no HTTP: ${messageOf(fault)}`,
      { hint: 'Check the address of the marketplace.', cause: fault },
    );
  }
  const through = proxy === undefined ? '' : ` through the proxy ${proxy.host}`;
  const why = connectionReasons[code] ?? messageOf(fault);
  return new PackferryError(
    'E_SOURCE_UNREACHABLE',
    `${what}: ${url.host} is out of reach${through}: ${why}${code === '' ? '' : ` (${code})`}`,
    { hint: proxyHint(code, proxy, url) ?? hintFor(code), cause: fault },
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
