import { limits } from '../../core/limits.ts';
import { malformed } from './http-fault.ts';

/** Header names are in small letters; a name that came several times has a list. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What an answer begins with. */
export interface AnswerHead {
  readonly status: number;
  /** Of HTTP/1: 1, or 0 for servers from the last century. */
  readonly minor: number;
  readonly headers: Headers;
}

/** How long a body is (RFC 9112, section 6.3): so many bytes, until an empty chunk, or until the connection ends. */
export type Framing = { readonly bytes: number } | 'chunked' | 'until-end';

const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const headerLine =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[\t ]*$/;
/** Fifteen digits are a number without loss. */
const digits = /^[0-9]{1,15}$/;

const emptyLine = '\r\n\r\n';

/** Collects the bytes of a head, as they come, until it is whole. */
export class HeadReader {
  #text = '';

  /** Takes the next bytes; undefined as long as more are needed. `rest` is what comes behind the head. */
  take(bytes: Buffer): { readonly head: AnswerHead; readonly rest: Buffer } | undefined {
    const before = this.#text.length;
    // Most of what comes with a head is the body, which is not to become text.
    const empty = bytes.indexOf(emptyLine);
    const most = empty < 0 ? limits.answerHead : Math.min(empty, limits.answerHead);
    const text = this.#text + bytes.toString('latin1', 0, most + emptyLine.length);
    const end = text.indexOf(emptyLine);
    if (end > limits.answerHead || (end < 0 && text.length > limits.answerHead)) {
      throw malformed(`the head of the answer is over the limit of ${limits.answerHead} bytes`);
    }
    this.#text = end < 0 ? text : '';
    // What does not begin like an answer will not become one.
    if (end < 0 && !'HTTP/1.'.startsWith(text.slice(0, 7))) throw malformed('the answer has no status line');
    if (end < 0) return undefined;
    return { head: parseHead(text.slice(0, end)), rest: bytes.subarray(end + 4 - before) };
  }
}

function parseHead(text: string): AnswerHead {
  const [first = '', ...lines] = text.split('\r\n');
  const [, minor, status] = statusLine.exec(first) ?? [];
  if (minor === undefined) throw malformed('the answer has no status line');
  const headers: Record<string, string | string[] | undefined> = Object.create(null) as Record<
    string,
    string
  >;
  for (const line of lines) {
    const [, name, value = ''] = headerLine.exec(line) ?? [];
    if (name === undefined) throw malformed('the answer has a header that is none');
    const key = name.toLowerCase();
    const known = headers[key];
    headers[key] = known === undefined ? value : [known, value].flat();
  }
  return { status: Number(status), minor: Number(minor), headers };
}

/**
 * How the body of an answer ends; undefined where there is none. An answer that can be understood in two ways is refused:
 * who stands in between might have understood the other one.
 */
export function framingOf({ status, headers }: AnswerHead, method: string): Framing | undefined {
  const { 'transfer-encoding': encoding, 'content-length': length } = headers;
  if (encoding !== undefined && length !== undefined) throw malformed('the answer has two lengths');
  if (encoding !== undefined && (typeof encoding !== 'string' || encoding.toLowerCase() !== 'chunked')) {
    throw malformed('the answer has a transfer encoding that nobody asked for');
  }
  if (length !== undefined && (typeof length !== 'string' || !digits.test(length))) {
    throw malformed('the answer has a length that is none');
  }
  if (method === 'HEAD' || status === 204 || status === 304) return undefined;
  if (encoding !== undefined) return 'chunked';
  return length === undefined ? 'until-end' : { bytes: Number(length) };
}

/** How long the connection may stand idle before it is used again, in milliseconds; 0 when it is closed at once. */
export function idleTimeOf({ minor, headers }: AnswerHead): number {
  const said = [headers['connection'] ?? ''].flat().join(',').toLowerCase();
  if (minor === 0 || said.split(',').some((option) => option.trim() === 'close')) return 0;
  const [, seconds] =
    /(?:^|[,\s])timeout=([0-9]{1,6})/i.exec([headers['keep-alive'] ?? ''].flat().join(',')) ?? [];
  // What is sent in the last second may meet a connection that is being closed.
  return seconds === undefined
    ? usualIdleTime
    : Math.max(0, Math.min(usualIdleTime, Number(seconds) * 1000 - 1000));
}

/** Servers that say nothing are known to close after five seconds. */
const usualIdleTime = 4000;
