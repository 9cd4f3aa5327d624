import { Header } from 'tar';

/** Tar counts in blocks of 512 bytes (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const blockSize = 512;

/** Two zero blocks end an archive. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockSize);

/** Bytes of zeros that fill the last block of a member. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** Bytes that a member of this size takes: header, content and padding. */
export function memberSize(size: number): number {
  return blockSize + size + paddingOf(size);
}

/**
 * The header block of a regular file, in the only form that bundles use: USTAR, mode 0444, uid and gid 0, mtime 0,
 * no names; sizes from 8 GiB on in base-256, which every engine reads. Readers of old bundles compute these blocks
 * anew, so their bytes must never change; a test holds them fast.
 */
export function headerBlock(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) >= 100) throw new RangeError(`member name of 100 bytes or more: ${name}`);
  const block = Buffer.alloc(blockSize);
  // encode() tells whether a pax record is wanted as well (for large sizes); the block is complete in either case.
  new Header({ path: name, type: 'File', mode: 0o444, uid: 0, gid: 0, size, mtime: new Date(0) }).encode(
    block,
  );
  return block;
}
