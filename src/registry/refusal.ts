import { STATUS_CODES } from 'node:http';
import { PackferryError, type ErrorCode } from '../core/errors.ts';
import { printable, readRefusalWords, type RefusalWords } from './refusal-words.ts';
import { headerOf, type Answer } from './transport.ts';

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

const passing = new Set([408, 429, 500, 502, 503, 504]);
const unknownCodes = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'BLOB_UNKNOWN'];

/** Is this error, as `refusalOf` made it, worth another try? */
export function isPassingRefusal(error: PackferryError): boolean {
  return error.cause instanceof Refusal && passing.has(error.cause.status);
}

/** Reads an answer that is no success and makes the error to report: what was asked, who answered, in which words. */
export async function refusalOf(answer: Answer, what: string): Promise<PackferryError> {
  const words = await readRefusalWords(answer.body);
  const { status, url } = answer;
  const phrase = STATUS_CODES[status] === undefined ? '' : ` ${STATUS_CODES[status]}`;
  const said = words.text === '' ? '' : `; the registry says: ${words.text}`;
  const code = codeFor(status, words);
  return new PackferryError(code, `${what}: ${url.host} answers ${status}${phrase}${said}`, {
    hint: hintFor(code, answer),
    cause: new Refusal(status, retryAfterOf(headerOf(answer, 'retry-after'), Date.now())),
  });
}

/** `Retry-After` in milliseconds from `now` on: seconds or a date (RFC 9110, section 10.2.3). */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function codeFor(status: number, words: RefusalWords): ErrorCode {
  if (status === 404 || words.codes.some((code) => unknownCodes.includes(code))) return 'E_IMAGE_NOT_FOUND';
  if (status === 401 || status === 403) return 'E_SOURCE_DENIED';
  if (status === 429) return 'E_RATE_LIMITED';
  return status >= 500 ? 'E_SOURCE_UNREACHABLE' : 'E_SOURCE_PROTOCOL';
}

function hintFor(code: ErrorCode, { status, headers }: Answer): string {
  if (code === 'E_IMAGE_NOT_FOUND') return 'Check the name and the tag: it may have been removed.';
  if (status === 401 || status === 403) {
    return 'Check the name: Docker Hub and others answer like this for names that do not exist, too. Images that need a log-in cannot be read.';
  }
  if (status === 429) {
    const wait = headerOf({ headers }, 'retry-after');
    const asked = wait === undefined ? 'Try again later' : `The registry asks to wait: ${printable(wait)}`;
    return `Too many requests were counted for this address. ${asked}, or name a mirror.`;
  }
  return status >= 500
    ? 'Try again later, or name a mirror.'
    : 'Check that this host is a container registry.';
}
