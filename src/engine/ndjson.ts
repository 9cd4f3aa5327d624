import type { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** One line of a progress stream: a JSON value, or text that is none. */
export type NdjsonLine =
  { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'junk'; readonly text: string };

export interface NdjsonOptions {
  /** Who answers, for messages. */
  readonly name: string;
  /** Longest line in bytes; more is `E_ENGINE_PROTOCOL`. Default: `limits.engineLine`. */
  readonly maxLine?: number;
}

const newline = 0x0a;

/**
 * Newline-delimited JSON, line by line as it arrives. A line is decoded as a whole, so characters may be cut between
 * chunks; empty lines are passed over; the last line needs no newline. At most one line is held in memory. Errors of
 * the stream itself are thrown as they are; leaving the loop destroys the stream.
 */
export async function* readNdjson(stream: Readable, options: NdjsonOptions): AsyncGenerator<NdjsonLine> {
  const maxLine = options.maxLine ?? limits.engineLine;
  let pieces: Buffer[] = [];
  let held = 0;
  const hold = (piece: Buffer): void => {
    held += piece.length;
    if (held > maxLine) {
      throw new PackferryError(
        'E_ENGINE_PROTOCOL',
        `${options.name}: a line of the answer is over ${maxLine} bytes`,
      );
    }
    pieces.push(piece);
  };

  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      hold(chunk.subarray(start, end));
      start = end + 1;
      yield* parseLine(Buffer.concat(pieces));
      pieces = [];
      held = 0;
    }
    hold(chunk.subarray(start));
  }
  yield* parseLine(Buffer.concat(pieces));
}

function* parseLine(bytes: Buffer): Generator<NdjsonLine> {
  const text = bytes.toString('utf8').trim();
  if (text === '') return;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    yield { kind: 'junk', text };
    return;
  }
  yield { kind: 'value', value };
}
