import { Transform, pipeline, type Readable, type TransformCallback } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import { Refusal } from '../core/http-faults.ts';
import type { Descriptor } from '../core/image.ts';
import { sizeMismatch } from '../core/verify-stream.ts';
import type { RegistryClient } from './client.ts';
import { manifestAccept } from './documents.ts';
import type { Endpoint, Repository } from './endpoint.ts';
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

/** One answer with the bytes of a blob from the wanted one on. It may break off; nothing is verified. */
export interface BlobAnswer {
  readonly body: Readable;
  readonly endpoint: Endpoint;
  readonly url: URL;
  /** Who gives the bytes, for messages: the endpoint, and the storage host to which it redirected. */
  readonly host: string;
}

/** An answer to a request for a range that holds something else. */
class OtherRange extends Error {
  override readonly name = 'OtherRange';
}

/**
 * Asks a repository for a blob from a byte on. A registry that refuses ranges or gives others is asked for the whole
 * blob, and the first bytes are dropped.
 */
export async function openBlob(
  client: RegistryClient,
  repository: Repository,
  open: OpenBlob,
): Promise<BlobAnswer> {
  if (open.from === 0) return request(client, repository, open, false);
  try {
    return await request(client, repository, open, true);
  } catch (fault) {
    if (!isRangeFault(fault)) throw fault;
    return request(client, repository, open, false);
  }
}

async function request(
  client: RegistryClient,
  repository: Repository,
  open: OpenBlob,
  isPartial: boolean,
): Promise<BlobAnswer> {
  const { blob, isManifest, from, what, signal } = open;
  const get = {
    path: `${isManifest ? 'manifests' : 'blobs'}/${blob.digest}`,
    headers: {
      ...(isManifest ? { accept: manifestAccept } : {}),
      ...(isPartial ? { range: `bytes=${from}-` } : {}),
    },
    what,
    signal,
  };
  return client.get(repository, get, (answer) => {
    const { endpoint } = repository;
    const host = answer.elsewhere ? `${endpoint.name} (by way of ${answer.url.host})` : endpoint.name;
    if (answer.status === 206) checkRange(answer, open, isPartial);
    else checkLength(answer, open, host);
    // It may break before anybody reads it. Whoever does still meets the fault.
    answer.body.on('error', () => undefined);
    const body = answer.status === 206 ? answer.body : skipping(answer.body, from);
    return Promise.resolve({ body, endpoint, url: answer.url, host });
  });
}

function isRangeFault(fault: unknown): boolean {
  if (!(fault instanceof PackferryError)) return false;
  const { cause } = fault;
  return cause instanceof OtherRange || (cause instanceof Refusal && cause.status === 416);
}

/** A partial answer must hold exactly the bytes that were asked for (RFC 9110, section 14.4). */
function checkRange(answer: Answer, { blob, from, what }: OpenBlob, isPartial: boolean): void {
  const header = headerOf(answer, 'content-range') ?? '';
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) ?? [];
  const whole = total === '*' || Number(total) === blob.size;
  if (isPartial && Number(first) === from && Number(last) === blob.size - 1 && whole) return;
  const asked = isPartial ? `the bytes from ${from} on and sends others` : 'all bytes and sends a part';
  throw new PackferryError('E_SOURCE_PROTOCOL', `${what}: ${answer.url.host} was asked for ${asked}`, {
    hint: 'The registry, or a proxy before it, is broken. Name a mirror.',
    cause: new OtherRange(header),
  });
}

/** What announces another length than the manifest says is other content: there is no need to fetch it. */
function checkLength(answer: Answer, { blob, what }: OpenBlob, host: string): void {
  const header = headerOf(answer, 'content-length');
  if (header === undefined || headerOf(answer, 'content-encoding') !== undefined) return;
  if (Number(header) !== blob.size) throw sizeMismatch(`${what} from ${host}`, blob.size, header);
}

/** Drops the first `count` bytes and passes the rest on. */
function skipping(body: Readable, count: number): Readable {
  if (count === 0) return body;
  let left = count;
  const rest = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      const dropped = Math.min(left, chunk.length);
      left -= dropped;
      if (dropped < chunk.length) done(null, chunk.subarray(dropped));
      else done();
    },
  });
  return pipeline(body, rest, () => undefined);
}
