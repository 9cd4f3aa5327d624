import { PackferryError, systemCodeOf } from './errors.ts';
import type { Proxy } from './proxy.ts';

/** What people understand under the codes that Node, undici and src/registry/http give to broken connections. */
export const connectionReasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name lookup failed',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  HTTP_CLOSED: 'the connection was closed',
  HTTP_CONNECT_TIMEOUT: 'the connection timed out',
  HTTP_HEAD_TIMEOUT: 'no answer came in time',
  HTTP_BODY_TIMEOUT: 'the data stopped coming',
  HTTP_BODY_SHORT: 'the answer is shorter than announced',
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
  /** Did it come from a storage host to which the server that was asked had redirected? */
  readonly elsewhere: boolean;

  /** Are the pulls of the caller used up, so that only manifests are refused? */
  readonly usedUp: boolean;

  constructor(status: number, retryAfter: number | undefined, elsewhere = false, usedUp = false) {
    super(`HTTP status ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
    this.elsewhere = elsewhere;
    this.usedUp = usedUp;
  }
}

/** Besides the usual ones 499 and 522, with which proxies say that the server behind them broke off. */
const passingStatuses = new Set([408, 429, 499, 500, 502, 503, 504, 522]);
/** How storage hosts refuse an address whose signature has expired. The registry gives a new one. */
const expiredStatuses = new Set([400, 401, 403, 410]);

/** Is this error, whose cause is a refusal, worth another try? */
export function isPassingRefusal({ cause }: PackferryError): boolean {
  if (!(cause instanceof Refusal)) return false;
  return passingStatuses.has(cause.status) || (cause.elsewhere && expiredStatuses.has(cause.status));
}

/**
 * `Retry-After` in milliseconds from `now` on: seconds or a date (RFC 9110, section 10.2.3). Docker Hub is known to give
 * the seconds since 1970 instead; a number of ten digits is nothing else.
 */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = /^\d{10}$/.test(header) ? Number(header) * 1000 : Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Faults of the way to the first machine on it: where a proxy stands in between, that is the proxy. */
const firstHopCodes = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'];

/** What to do when the proxy itself cannot be reached; undefined when the fault is another one. */
export function proxyHint(code: string, proxy: Proxy | undefined, url: URL): string | undefined {
  if (proxy === undefined || !firstHopCodes.includes(code)) return undefined;
  const variable = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  return `It is the proxy that cannot be reached: check ${variable}, or put ${url.hostname} into NO_PROXY if it can be reached directly.`;
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
