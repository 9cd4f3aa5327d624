import { STATUS_CODES } from 'node:http';
import { PackferryError, type ErrorCode } from '../core/errors.ts';
import { Refusal, retryAfterOf } from '../core/http-faults.ts';
import { printable, readRefusalWords, type RefusalWords } from './refusal-words.ts';
import { headerOf, type Answer } from './transport.ts';

const unknownCodes = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'BLOB_UNKNOWN'];

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

function codeFor(status: number, words: RefusalWords): ErrorCode {
  if (status === 404 || words.codes.some((code) => unknownCodes.includes(code))) return 'E_IMAGE_NOT_FOUND';
  if (status === 401 || status === 403) return 'E_SOURCE_DENIED';
  if (status === 429) return 'E_RATE_LIMITED';
  return status >= 500 ? 'E_SOURCE_UNREACHABLE' : 'E_SOURCE_PROTOCOL';
}

function hintFor(code: ErrorCode, { status, headers }: Answer): string {
  if (code === 'E_IMAGE_NOT_FOUND') return 'Check the name and the tag: it may have been removed.';
  if (status === 401 || status === 403) {
    return 'Check the name: Docker Hub and others answer like this for names that do not exist, too.';
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
