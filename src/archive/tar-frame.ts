import { Header } from 'tar';

/** Tar counts in blocks of 512 bytes (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const blockSize = 512;

/** Two zero blocks end an archive. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockSize);

/** Bytes of zeros that fill the last block of a member. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/**
 * The header block of a regular file, in the only form that bundles use: USTAR, mode 0444, uid and gid 0, mtime 0,
 * no names; sizes above 8 GiB in base-256, which every engine reads.
 */
export function headerBlock(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`member name over 100 bytes: ${name}`);
  const block = Buffer.alloc(blockSize);
  // encode() says whether a pax record would be wanted (large sizes); the block itself is complete in either case.
  new Header({ path: name, type: 'File', mode: 0o444, uid: 0, gid: 0, size, mtime: new Date(0) }).encode(
    block,
  );
  return block;
}
