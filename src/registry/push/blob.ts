import type { Readable } from 'node:stream';
import { asPackferryError, type PackferryError } from '../../core/errors.ts';
import type { Descriptor } from '../../core/image.ts';
import { verified } from '../../core/verify-stream.ts';
import type { Repository } from '../endpoint.ts';
import { interrupted } from '../interrupted.ts';
import { backOff } from '../retry.ts';
import { headerOf, type Answer } from '../transport.ts';
import { isRefused, refusedWith } from './fault.ts';
import { piecesOf } from './pieces.ts';
import { LostUpload, Upload } from './upload.ts';
import type { Writer } from './writer.ts';

/** How much of a blob is sent in one request, in bytes; it is held in memory meanwhile. */
export class PieceSize {
  #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A request with so many bytes was too large for somebody on the way. False when there is no smaller size. */
  refused(bytes: number): boolean {
    // What nginx lets through when nobody has told it otherwise.
    const smallest = 1024 * 1024;
    if (bytes <= smallest) return false;
    this.#bytes = smallest;
    return true;
  }
}

export interface BlobPush {
  readonly writer: Writer;
  readonly repository: Repository;
  readonly blob: Descriptor;
  /** Paths of other repositories there that may have the blob. */
  readonly elsewhere: readonly string[];
  /** Opens the blob at its first byte; nothing needs to be verified. */
  readonly open: () => Promise<Readable>;
  readonly pieceSize: PieceSize;
  /** What is being brought, for messages: names the image. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** Bytes of the blob that are gone. Falls back when it has to be sent anew. */
  readonly onBytes: (bytes: number) => void;
}

/** Does the repository have the blob, in its full size? */
export async function hasBlob(
  writer: Writer,
  repository: Repository,
  { digest, size }: Descriptor,
  what: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const answer = await writer.ask(repository, {
    ...{ path: `blobs/${digest}`, method: 'HEAD', expects: [200, 404], what, signal },
  });
  const length = headerOf(answer, 'content-length');
  return answer.status === 200 && (length === undefined || Number(length) === size);
}

/**
 * Brings a blob into a repository that does not have it: mounted from another one where that is possible, else sent. Every
 * byte is verified before the upload is closed. Returns whether it was sent. Throws `E_TARGET_...`, or what the source
 * throws.
 */
export async function pushBlob(push: BlobPush): Promise<boolean> {
  const { writer, what, signal } = push;
  let opened = await mountOrOpen(push);
  for (let tries = 0; opened !== undefined; tries += 1) {
    const upload = new Upload(push, opened);
    try {
      await send(push, upload);
      return true;
    } catch (fault) {
      await upload.cancel();
      if (signal.aborted) throw interrupted(signal, what);
      const before = push.pieceSize.bytes;
      const error = lostBy(fault, push.pieceSize);
      const isSmaller = push.pieceSize.bytes < before;
      if (!isSmaller) {
        if (tries >= writer.policy.retries) throw error;
        await writer.policy.waits.pause(what, error, backOff(tries, writer.policy), signal);
      }
    }
    push.onBytes(0);
    opened = await openUpload(push);
  }
  return false;
}

/** Throws what cannot be helped by sending the blob anew; else returns the error to report when it has failed too often. */
function lostBy(fault: unknown, pieceSize: PieceSize): PackferryError {
  if (fault instanceof LostUpload) return fault.error;
  const error = asPackferryError(fault);
  if (refusedWith(error) === 413 && pieceSize.refused(pieceSize.bytes)) return error;
  throw error;
}

async function send(push: BlobPush, upload: Upload): Promise<void> {
  const { writer, repository, blob, what, signal, onBytes } = push;
  const isThere = (): Promise<boolean> => hasBlob(writer, repository, blob, what, signal);
  const content = verified(await push.open(), blob, { name: what });
  let sent = 0;
  try {
    const size = Math.max(push.pieceSize.bytes, upload.leastPiece);
    for await (const { bytes, isLast } of piecesOf(content, blob.size, size)) {
      const before = sent;
      const onSent = (part: number): void => {
        onBytes(before + part);
      };
      if (isLast && sent === 0) {
        await upload.finish(blob.digest, isThere, { bytes, onSent });
        return;
      }
      await upload.append(bytes, onSent);
      sent += bytes.length;
    }
  } finally {
    content.destroy();
  }
  await upload.finish(blob.digest, isThere);
}

/** The answer that opens an upload; undefined when the blob was mounted instead. */
async function mountOrOpen(push: BlobPush): Promise<Answer | undefined> {
  const { writer, repository, blob, elsewhere, what, signal } = push;
  for (const from of elsewhere) {
    const path = `blobs/uploads/?mount=${blob.digest}&from=${from}`;
    const both = writer.repository(repository.path, from);
    try {
      const answer = await writer.ask(both, { path, method: 'POST', expects: [201, 202], what, signal });
      return answer.status === 201 ? undefined : answer;
    } catch (fault) {
      // Who may not read there, or knows no mounting, may push all the same.
      if (!isRefused(fault)) throw fault;
    }
  }
  return openUpload(push);
}

function openUpload({ writer, repository, what, signal }: BlobPush): Promise<Answer> {
  return writer.ask(repository, {
    ...{ path: 'blobs/uploads/', method: 'POST', expects: [202], what, signal },
  });
}
