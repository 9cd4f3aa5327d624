import { crc32, deflateRawSync } from 'node:zlib';

/** A member of a zip archive; what is left out is right. */
export interface ZipMember {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** 0 stores it as it is, 8 (deflate) is usual. */
  readonly method?: number;
  /** General purpose bits: 1 is encrypted, 8 has its sizes behind the data. */
  readonly flags?: number;
  readonly crc?: number;
  /** The size that the directory tells. */
  readonly size?: number;
  /** The mode of the file on Unix. */
  readonly mode?: number;
}

/** A zip archive with these members, right or wrong. @param told the number of members that it tells */
export function zipOf(members: readonly ZipMember[], told = members.length): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const { name, content = '', method = 8, flags = 0, mode = 0 } = member;
    const bytes = Buffer.from(content);
    const packed = method === 8 ? deflateRawSync(bytes) : bytes;
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE(flags, 2);
    facts.writeUInt16LE(method, 4);
    facts.writeUInt32LE(member.crc ?? crc32(bytes), 10);
    facts.writeUInt32LE(packed.length, 14);
    facts.writeUInt32LE(member.size ?? bytes.length, 18);
    facts.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.from(facts);
    const hasDescriptor = (flags & 8) !== 0;
    if (hasDescriptor) local.fill(0, 10, 22);
    const descriptor = Buffer.concat([Buffer.from('PK\u0007\u0008'), facts.subarray(10, 22)]);
    const file = [Buffer.from('PK\u0003\u0004'), local, Buffer.from(name), packed];
    if (hasDescriptor) file.push(descriptor);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const madeBy = Buffer.from([20, mode === 0 ? 0 : 3]);
    directory.push(Buffer.from('PK\u0001\u0002'), madeBy, facts, rest, Buffer.from(name));
    files.push(...file);
    offset += file.reduce((sum, { length }) => sum + length, 0);
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(told, 4);
  end.writeUInt16LE(told, 6);
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    8,
  );
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, ...directory, Buffer.from('PK\u0005\u0006'), end]);
}

/** A zip archive of files by name. */
export function zipOfFiles(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return zipOf(Object.entries(files).map(([name, content]) => ({ name, content })));
}
