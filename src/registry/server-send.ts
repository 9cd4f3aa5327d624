import type { ServerResponse } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { PackferryError } from '../core/errors.ts';
import type { ServerAnswer } from './server-answers.ts';

export interface Sending {
  /** For HEAD: the headers only. */
  readonly isHead: boolean;
  /** The connection ends with this answer. */
  readonly isLast: boolean;
  /** Told how many bytes of the body went out, each time more did. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Sends an answer; resolves when all of it has been handed to the network. A stream that breaks, or has another length than announced, never ends cleanly for the client.
 */
export async function sendAnswer(
  { status, headers, bytes, stream }: ServerAnswer,
  response: ServerResponse,
  { isHead, isLast, onBytes }: Sending,
): Promise<void> {
  const size = stream?.size ?? bytes?.length;
  response.writeHead(status, {
    'docker-distribution-api-version': 'registry/2.0',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...(size === undefined ? {} : { 'content-length': size }),
    ...(isLast ? { connection: 'close' } : {}),
  });
  if (!isHead && stream !== undefined) {
    await pipeline(stream.open(), wholly(stream.size, onBytes), response);
    return;
  }
  const body = isHead ? undefined : bytes;
  response.end(body);
  await finished(response);
  onBytes(body?.length ?? 0);
}

/**
 * Passes on exactly `size` bytes, the last piece only when the source has ended well: a client that has all the bytes of
 * `Content-Length` takes the answer for whole, whatever becomes of the connection.
 */
function wholly(size: number, onBytes: (bytes: number) => void): Transform {
  let passed = 0;
  let held: Buffer | undefined;
  const mismatch = (): PackferryError =>
    new PackferryError('E_SIZE_MISMATCH', `content to serve: expected ${size} bytes, got ${passed}`);
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      const before = held;
      held = chunk;
      passed += chunk.length;
      if (passed > size) {
        done(mismatch());
        return;
      }
      onBytes(before?.length ?? 0);
      done(null, before);
    },
    flush(done: TransformCallback) {
      if (passed !== size) {
        done(mismatch());
        return;
      }
      onBytes(held?.length ?? 0);
      done(null, held);
    },
  });
}
