import { pipeline, Transform, type Readable, type TransformCallback } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import type { RegistryClient } from './client.ts';
import { connectionFault } from './connection-fault.ts';
import { manifestAccept } from './documents.ts';
import type { Repository } from './endpoint.ts';
import { interrupted } from './interrupted.ts';
import { headerOf, type Answer } from './transport.ts';

export interface OpenBlob {
  readonly blob: Descriptor;
  /** Is it a manifest? Registries keep these apart from blobs. */
  readonly isManifest: boolean;
  /** Byte to start at. */
  readonly from: number;
  /** What is being fetched, for messages: names the image. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a blob of a repository from a byte on; nothing is buffered or verified. The stream ends in an error, never in
 * silence, when the connection stalls, breaks or is stopped.
 */
export async function openBlob(
  client: RegistryClient,
  repository: Repository,
  open: OpenBlob,
): Promise<Readable> {
  const { blob, isManifest, from, what, signal } = open;
  const get = {
    path: `${isManifest ? 'manifests' : 'blobs'}/${blob.digest}`,
    headers: {
      ...(isManifest ? { accept: manifestAccept } : {}),
      ...(from === 0 ? {} : { range: `bytes=${from}-` }),
    },
    what,
    signal,
  };
  return client.get(repository, get, (answer) => Promise.resolve(bodyOf(answer, open)));
}

function bodyOf(answer: Answer, { blob, from, what, signal }: OpenBlob): Readable {
  if (answer.status === 206) checkRange(answer, blob, from, what);
  const stream = skipping(answer.status === 206 ? 0 : from);
  // Before `pipeline` does: the first error that a stream is destroyed with is the one that readers meet.
  answer.body.once('error', (fault) => {
    const stopped = signal?.aborted === true;
    stream.destroy(stopped ? interrupted(signal, what) : connectionFault(fault, answer.url, what));
  });
  // A fault before the caller listens must not end the process; whoever reads later still meets it.
  stream.on('error', () => undefined);
  return pipeline(answer.body, stream, () => undefined);
}

/** A partial answer must hold exactly the bytes that were asked for (RFC 9110, section 14.4). */
function checkRange(answer: Answer, blob: Descriptor, from: number, what: string): void {
  const header = headerOf(answer, 'content-range') ?? '';
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) ?? [];
  const whole = total === '*' || Number(total) === blob.size;
  if (Number(first) === from && Number(last) === blob.size - 1 && whole) return;
  throw new PackferryError(
    'E_SOURCE_PROTOCOL',
    `${what}: ${answer.url.host} was asked for the bytes from ${from} on and sends others`,
  );
}

/** Drops the first `count` bytes and passes the rest on. */
function skipping(count: number): Transform {
  let left = count;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      const dropped = Math.min(left, chunk.length);
      left -= dropped;
      if (dropped < chunk.length) done(null, chunk.subarray(dropped));
      else done();
    },
  });
}
