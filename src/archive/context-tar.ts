import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { Header, Pax } from 'tar';
import type { Digest } from '../core/digest.ts';
import { verified } from '../core/verify-stream.ts';
import { blockSize, endOfArchive, headerBlock, paddingOf } from './tar-frame.ts';

/** A file of the folder that an engine builds from: in memory, or on this machine with what it was when it was hashed. */
export type ContextMember =
  | { readonly name: string; readonly content: Buffer }
  | { readonly name: string; readonly file: string; readonly size: number; readonly digest: Digest };

/**
 * The folder as a tar stream, in the order given: the same members give the same bytes. Files are read as the receiver takes
 * them; one that has changed since it was hashed ends the stream with `E_SIZE_MISMATCH` or `E_DIGEST_MISMATCH`.
 */
export function contextTar(
  members: readonly ContextMember[],
  onBytes: () => void = () => undefined,
): Readable {
  return Readable.from(emit(members, onBytes), { objectMode: false });
}

async function* emit(members: readonly ContextMember[], onBytes: () => void): AsyncGenerator<Buffer> {
  for (const member of members) {
    const size = 'content' in member ? member.content.length : member.size;
    yield memberHeader(member.name, size);
    if ('content' in member) yield member.content;
    else {
      const content = verified(createReadStream(member.file), member, { name: member.file, onBytes });
      yield* content as AsyncIterable<Buffer>;
    }
    const padding = paddingOf(size);
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield endOfArchive;
}

/** Names that do not fit into a header stand in an extended one before it (POSIX.1-2017, pax). */
function memberHeader(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) < 100) return headerBlock(name, size);
  const settings = { path: name, mode: 0o444, uid: 0, gid: 0, size, mtime: new Date(0) };
  const block = Buffer.alloc(blockSize);
  new Header({ ...settings, type: 'File' }).encode(block);
  return Buffer.concat([new Pax({ path: name, mtime: new Date(0) }).encode(), block]);
}
