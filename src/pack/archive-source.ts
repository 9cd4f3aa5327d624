import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Header } from 'tar';

/** The bytes of an archive: a file, or a member of another archive that is held in memory. */
export interface ArchiveSource {
  /** From the start to the end. */
  stream(): Readable;
  /** Gives access to any place of it while `work` runs. */
  withAccess<T>(work: (access: ArchiveAccess) => Promise<T>): Promise<T>;
}

export interface ArchiveAccess {
  /** In bytes. */
  readonly size: number;
  /** What stands from `position` on; less than `length` only at the end. */
  readAt(position: number, length: number): Promise<Buffer>;
}

export function fileSource(path: string): ArchiveSource {
  return {
    stream: () => createReadStream(path),
    withAccess: async (work) => {
      const handle = await open(path);
      try {
        const { size } = await handle.stat();
        return await work({ size, readAt: (position, length) => readAt(handle, position, length) });
      } finally {
        await handle.close();
      }
    },
  };
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

export function memorySource(bytes: Buffer): ArchiveSource {
  return {
    stream: () => Readable.from([bytes]),
    withAccess: (work) =>
      work({
        size: bytes.length,
        readAt: (position, length) => Promise.resolve(bytes.subarray(position, position + length)),
      }),
  };
}

export type ArchiveFormat = 'zip' | 'tar' | 'tar.gz';

/** The size of the blocks of a tar archive. */
export const tarBlock = 512;

/** What the first block of a file tells; undefined when it is no archive that may hold packs. */
export function formatOf(start: Buffer): ArchiveFormat | undefined {
  const zipMark = start.toString('latin1', 0, 4);
  if (zipMark === 'PK\u0003\u0004' || zipMark === 'PK\u0005\u0006') return 'zip';
  if (start[0] === 0x1f && start[1] === 0x8b) return 'tar.gz';
  return isTar(start) ? 'tar' : undefined;
}

/** Is this the first block of a tar archive? Tells by the checksum, since old ones have no other mark. */
export function isTar(start: Buffer): boolean {
  if (start.length < tarBlock) return false;
  try {
    return new Header(start, 0).cksumValid;
  } catch {
    // The numbers in it are none.
    return false;
  }
}
