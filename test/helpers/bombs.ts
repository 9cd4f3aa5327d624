import { constants, deflateRawSync } from 'node:zlib';

const chunkSize = 100 * 1024 * 1024;

/** A stretch of deflated zeros that depends on nothing before it, so that it can be repeated. */
const chunk = deflateRawSync(Buffer.alloc(chunkSize), { finishFlush: constants.Z_FULL_FLUSH });
const lastBlock = Buffer.from([3, 0]);

/** Zeros, deflated: some 97 KB for each 100 MiB. @param count of bytes, in steps of 100 MiB */
export function deflatedZeros(count: number): Buffer {
  const chunks = Array.from({ length: Math.ceil(count / chunkSize) }, () => chunk);
  return Buffer.concat([...chunks, lastBlock]);
}

/** The same as one gzip stream, whose sum at the end is wrong: nobody should come so far. */
export function gzippedZeros(count: number): Buffer {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  return Buffer.concat([header, deflatedZeros(count), Buffer.alloc(8)]);
}

/** A text of this length, made of one part. */
export function filled(start: string, part: string, end: string, length: number): string {
  return start + part.repeat(Math.floor((length - start.length - end.length) / part.length)) + end;
}

/** A zip archive with one member: packed as given, of the size that is claimed. */
export function zipClaiming(name: string, packed: Buffer, size: number): Buffer {
  const facts = Buffer.alloc(26);
  facts.writeUInt16LE(20, 0);
  facts.writeUInt16LE(8, 4);
  facts.writeUInt32LE(packed.length, 14);
  facts.writeUInt32LE(size, 18);
  facts.writeUInt16LE(Buffer.byteLength(name), 22);
  const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), facts, Buffer.from(name), packed]);
  const entry = Buffer.concat([
    Buffer.from('PK\u0001\u0002\u0014\0'),
    facts,
    Buffer.alloc(14),
    Buffer.from(name),
  ]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(entry.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, entry, Buffer.from('PK\u0005\u0006'), end]);
}
