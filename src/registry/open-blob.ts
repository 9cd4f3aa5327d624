import { Readable } from 'node:stream';
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
  /** Byte to stop before. */
  readonly to: number;
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
  if (open.from === 0 && open.to === open.blob.size) return request(client, repository, open, false);
  try {
    return await request(client, repository, open, true);
  } catch (fault) {
    if (!isRangeFault(fault)) throw fault;
    client.ranges.refused(repository.endpoint.origin);
    return request(client, repository, open, false);
  }
}

async function request(
  client: RegistryClient,
  repository: Repository,
  open: OpenBlob,
  isPartial: boolean,
): Promise<BlobAnswer> {
  const { blob, isManifest, from, to, what, signal } = open;
  const get = {
    path: `${isManifest ? 'manifests' : 'blobs'}/${blob.digest}`,
    headers: {
      ...(isManifest ? { accept: manifestAccept } : {}),
      ...(isPartial ? { range: `bytes=${from}-${to === blob.size ? '' : to - 1}` } : {}),
    },
    what,
    signal,
  };
  return client.get(repository, get, (answer) => {
    const { endpoint } = repository;
    const host = answer.elsewhere ? `${endpoint.name} (by way of ${answer.url.host})` : endpoint.name;
    if (answer.status === 206) checkRange(answer, open, isPartial);
    else checkLength(answer, open, host);
    // A part is the best announcement of parts; not everybody who gives them says so beside them.
    if (answer.status === 206) client.ranges.announced(endpoint.origin, 'bytes');
    else if (isPartial) client.ranges.refused(endpoint.origin);
    const body = answer.status === 206 ? answer.body : partOf(answer.body, open);
    return Promise.resolve({ body, endpoint, url: answer.url, host });
  });
}

function isRangeFault(fault: unknown): boolean {
  if (!(fault instanceof PackferryError)) return false;
  const { cause } = fault;
  return cause instanceof OtherRange || (cause instanceof Refusal && cause.status === 416);
}

/** A partial answer must hold exactly the bytes that were asked for (RFC 9110, section 14.4). */
function checkRange(answer: Answer, { blob, from, to, what }: OpenBlob, isPartial: boolean): void {
  const header = headerOf(answer, 'content-range') ?? '';
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) ?? [];
  const whole = total === '*' || Number(total) === blob.size;
  if (isPartial && Number(first) === from && Number(last) === to - 1 && whole) return;
  const asked = isPartial ? `the bytes ${from} to ${to - 1} and sends others` : 'all bytes and sends a part';
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

/** The wanted part of a whole blob. A body that is longer than the blob stays so. */
function partOf(body: Readable, { blob, from, to }: OpenBlob): Readable {
  if (from === 0 && to === blob.size) return body;
  return Readable.from(bytesOf(body, from, to < blob.size ? to : Infinity), { objectMode: false });
}

async function* bytesOf(body: Readable, from: number, to: number): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const wanted = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    at += chunk.length;
    if (wanted.length > 0) yield wanted;
    // The rest is not waited for: the connection is cut.
    if (at >= to) return;
  }
}
