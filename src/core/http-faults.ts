import { PackferryError, systemCodeOf } from './errors.ts';
import type { Proxy } from './proxy.ts';

/** What people understand under the codes that Node and undici give to broken connections. */
export const connectionReasons: Readonly<Record<string, string>> = {
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
const passingCodes = new Set(Object.keys(connectionReasons).filter((code) => code !== 'ENOTFOUND'));

/** Is this error, whose cause is a broken connection, worth another try? */
export function isPassing(error: PackferryError): boolean {
  return error.code === 'E_SOURCE_UNREACHABLE' && passingCodes.has(systemCodeOf(error.cause) ?? '');
}

/** An answer that is no success. Kept as the cause of the error that is reported. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  /** How long the server wants to be left alone, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, retryAfter: number | undefined) {
    super(`HTTP status ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const passingStatuses = new Set([408, 429, 500, 502, 503, 504]);

/** Is this error, whose cause is a refusal, worth another try? */
export function isPassingRefusal(error: PackferryError): boolean {
  return error.cause instanceof Refusal && passingStatuses.has(error.cause.status);
}

/** `Retry-After` in milliseconds from `now` on: seconds or a date (RFC 9110, section 10.2.3). */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The status with which a proxy refused to make a tunnel; undefined when this is another fault. */
export function refusedTunnel(fault: unknown): number | undefined {
  // undici has no other sign of it.
  const [, status] =
    /^Proxy response \((\d{3})\) !== 200/.exec(fault instanceof Error ? fault.message : '') ?? [];
  return status === undefined ? undefined : Number(status);
}

/** The error for a proxy that answers instead of passing the request on. Its own words are not repeated. */
export function proxyRefusal(status: number, proxy: Proxy, url: URL, what: string): PackferryError {
  const denied = status === 407 || status === 403;
  return new PackferryError(
    denied ? 'E_SOURCE_DENIED' : 'E_SOURCE_UNREACHABLE',
    `${what}: the proxy ${proxy.host} answers ${status} when asked for ${url.host}`,
    {
      hint:
        status === 407
          ? 'The proxy wants to know who asks: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT (HTTP_PROXY for plain HTTP).'
          : `Ask whoever runs the proxy, or put ${url.hostname} into NO_PROXY if it can be reached directly.`,
      ...(denied ? {} : { cause: new Refusal(status, undefined) }),
    },
  );
}
