/** What can go wrong with an exchange beside what the system reports. */
export type HttpFaultCode =
  | 'HTTP_CLOSED'
  | 'HTTP_CONNECT_TIMEOUT'
  | 'HTTP_HEAD_TIMEOUT'
  | 'HTTP_BODY_TIMEOUT'
  | 'HTTP_BODY_SHORT'
  | 'HTTP_MALFORMED';

/** An exchange that failed, without a word on which: whoever sent the request knows. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  readonly code: HttpFaultCode;

  constructor(code: HttpFaultCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A proxy did not make the tunnel that it was asked for. */
export class TunnelRefused extends Error {
  override readonly name = 'TunnelRefused';
  /** Its answer, an HTTP status. */
  readonly status: number;

  constructor(status: number) {
    super(`the proxy answers ${status}`);
    this.status = status;
  }
}

/** The error for what is not HTTP as RFC 9112 has it. */
export function malformed(what: string): HttpFault {
  return new HttpFault('HTTP_MALFORMED', what);
}
