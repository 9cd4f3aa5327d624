/** Bytes that are sent behind the head of a request. */
export interface Content {
  readonly bytes: Buffer;
  /** Called with how many of them have been sent; starts anew when the request is repeated. */
  readonly onSent?: (bytes: number) => void;
}

/** A request as it goes over a connection. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query; the whole address for a proxy that forwards. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** In place of `body`. */
  readonly content?: Content;
}

/** What asks for a change says how long its body is, also when there is none (RFC 9110, section 8.6). */
const withLength: readonly string[] = ['POST', 'PUT', 'PATCH'];

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Nothing that could end a line, or the head. */
const value = /^[\t\x20-\x7e\x80-\xff]*$/;
const visible = /^[\x21-\x7e]+$/;

/** The bytes of a request (RFC 9112, section 3) without its `content`, as Latin-1. Throws for what would be another request. */
export function requestText({ method, target, headers, body = '', content }: HttpRequest): string {
  if (!token.test(method) || !visible.test(target)) throw new Error('no usable request line');
  const lines = [`${method} ${target} HTTP/1.1`];
  for (const [name, text] of Object.entries(headers)) {
    // The value is not repeated: it may be secret.
    if (!token.test(name) || !value.test(text)) throw new Error(`the header ${name} cannot be sent`);
    lines.push(`${name}: ${text}`);
  }
  const length = content?.bytes.length ?? body.length;
  if (withLength.includes(method)) lines.push(`content-length: ${length}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
