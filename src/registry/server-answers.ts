import type { Readable } from 'node:stream';

/** What the server answers, before it is written to a connection. */
export interface ServerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes in memory. A HEAD request gets their length only. */
  readonly bytes?: Buffer;
  /** A stream and its exact length; not opened for HEAD requests. */
  readonly stream?: { readonly size: number; readonly open: () => Readable };
}

/** Error codes of the distribution specification, section "Error Codes"; `UNKNOWN` is the reference server's for 5xx. */
export type SpecCode =
  | 'BLOB_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'UNAUTHORIZED'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

/** An error in the form that clients of registries read. */
export function errorAnswer(
  status: number,
  code: SpecCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ServerAnswer {
  return jsonAnswer({ errors: [{ code, message }] }, headers, status);
}

/** A document that is made for this answer. */
export function jsonAnswer(
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): ServerAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    bytes: Buffer.from(JSON.stringify(value)),
  };
}

/** Does `If-None-Match` say that the client has this content already (RFC 9110, section 13.1.2)? */
export function isKnownToClient(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
