import { STATUS_CODES } from 'node:http';
import { PackferryError, type ErrorCode } from '../core/errors.ts';
import { isLoopback } from '../core/hosts.ts';
import { Refusal, retryAfterOf } from '../core/http-faults.ts';
import { printable, readRefusalWords, type RefusalWords } from './refusal-words.ts';
import { pullLimitOf, type PullLimit } from './pull-limits.ts';
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
    cause: new Refusal(status, patienceOf(answer), answer.elsewhere, isUsedUp(answer)),
  });
}

/** How long to wait: as the server says. Where its pulls are used up and it says nothing, until all are back. */
function patienceOf(answer: Answer): number | undefined {
  const asked = retryAfterOf(headerOf(answer, 'retry-after'), Date.now());
  const window = pullLimitOf(answer)?.window;
  return asked === undefined && isUsedUp(answer) && window !== undefined ? window * 1000 : asked;
}

function isUsedUp(answer: Answer): boolean {
  return answer.status === 429 && pullLimitOf(answer)?.remaining === 0;
}

function codeFor(status: number, words: RefusalWords): ErrorCode {
  if (status === 404 || words.codes.some((code) => unknownCodes.includes(code))) return 'E_IMAGE_NOT_FOUND';
  if (status === 401 || status === 403) return 'E_SOURCE_DENIED';
  if (status === 429) return 'E_RATE_LIMITED';
  return status >= 500 ? 'E_SOURCE_UNREACHABLE' : 'E_SOURCE_PROTOCOL';
}

function hintFor(code: ErrorCode, answer: Answer): string {
  const { status, elsewhere, url } = answer;
  if (code === 'E_IMAGE_NOT_FOUND') return 'Check the name and the tag: it may have been removed.';
  if (elsewhere && status < 429) {
    return 'This is the storage behind the registry: it refuses the address that the registry gave. Check clock and proxy.';
  }
  if (status === 401 || status === 403) {
    return 'Check the name: Docker Hub and others answer like this for names that do not exist, too.';
  }
  if (status === 429) return hintForLimit(answer);
  if (status >= 500) return 'Try again later, or name a mirror.';
  // What servers say to HTTP on their HTTPS port. To this machine HTTP is spoken without being asked to.
  const isPlain = status === 400 && url.protocol === 'http:' && isLoopback(url.hostname);
  const other = isPlain
    ? ' If it speaks HTTPS, set plainHttp: false for it under registries, or call it by another name of this machine.'
    : '';
  return `Check that this host is a container registry.${other}`;
}

function hintForLimit(answer: Answer): string {
  const limit = pullLimitOf(answer);
  const counted = limit === undefined ? 'Too many requests were counted for this address.' : wordsFor(limit);
  const wait = headerOf(answer, 'retry-after');
  const asked = wait === undefined ? 'Try again later' : `The registry asks to wait: ${printable(wait)}`;
  return `${counted} ${asked}, or name a mirror.`;
}

function wordsFor({ limit, window, source }: PullLimit): string {
  const hours = window === undefined ? '' : ` in ${Math.round(window / 360) / 10} hours`;
  return `The registry allows ${limit} pulls${hours}; they are counted for ${source ?? 'this address'}.`;
}
