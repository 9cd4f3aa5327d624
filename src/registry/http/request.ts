/** A request as it goes over a connection. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query; the whole address for a proxy that forwards. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Nothing that could end a line, or the head. */
const value = /^[\t\x20-\x7e\x80-\xff]*$/;
const visible = /^[\x21-\x7e]+$/;

/** The bytes of a request (RFC 9112, section 3), as Latin-1. Throws for what would be another request. */
export function requestText({ method, target, headers, body = '' }: HttpRequest): string {
  if (!token.test(method) || !visible.test(target)) throw new Error('no usable request line');
  const lines = [`${method} ${target} HTTP/1.1`];
  for (const [name, text] of Object.entries(headers)) {
    // The value is not repeated: it may be secret.
    if (!token.test(name) || !value.test(text)) throw new Error(`the header ${name} cannot be sent`);
    lines.push(`${name}: ${text}`);
  }
  if (method === 'POST') lines.push(`content-length: ${body.length}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
