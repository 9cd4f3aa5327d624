import type { Readable } from 'node:stream';
import { limits } from '../core/limits.ts';
import { redact } from '../core/redact.ts';

/** What a server said in the body of a refusal. */
export interface RefusalWords {
  /** Codes of the distribution specification, e.g. `MANIFEST_UNKNOWN`. */
  readonly codes: readonly string[];
  /** Ready to print on one line; empty when the server said nothing that people could use. */
  readonly text: string;
}

const maxShown = 300;

/** Reads the body of a refusal, up to `limits.errorBody`; a broken body counts as far as it came. */
export async function readRefusalWords(body: Readable): Promise<RefusalWords> {
  return wordsOf(await firstBytes(body, limits.errorBody));
}

/** `{"errors":[{"code","message"}]}`, or plain text; HTML is for browsers and left out. */
export function wordsOf(bytes: Buffer): RefusalWords {
  const text = bytes.toString('utf8').trim();
  const errors = errorsIn(text);
  if (errors.length > 0) {
    const said = errors.map(({ code, message }) => [code, message].filter((part) => part !== '').join(': '));
    return { codes: errors.map(({ code }) => code), text: printable(said.join('; ')) };
  }
  return { codes: [], text: /^[<{[]/.test(text) ? '' : printable(text) };
}

/**
 * Makes foreign text safe for a terminal and short: control and format characters show as escapes. Secrets that a server
 * repeats go before it is cut, since the half of one is not found any more.
 */
export function printable(words: string): string {
  const text = redact(words);
  const cut = text.length > maxShown ? `${text.slice(0, maxShown)}...` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function errorsIn(text: string): { code: string; message: string }[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const errors = isRecord(value) && Array.isArray(value['errors']) ? (value['errors'] as unknown[]) : [];
  return errors
    .filter(isRecord)
    .map(({ code, message, detail }) => ({
      code: stringOr(code),
      message: `${stringOr(message)}${isFull(detail) ? ' (no space left on device)' : ''}`,
    }))
    .filter(({ code, message }) => code !== '' || message !== '');
}

/** The distribution project's registry tells only there of a full disk: in words, or as the number of ENOSPC on Linux. */
function isFull(detail: unknown): boolean {
  return /no space left on device|"Err":28\b/.test(JSON.stringify(detail ?? ''));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function stringOr(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

async function firstBytes(body: Readable, max: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      total += chunk.length;
      if (total >= max) break;
    }
  } catch {
    // The refusal itself is the fault to report, not that its text broke off.
  }
  return Buffer.concat(chunks).subarray(0, max);
}
