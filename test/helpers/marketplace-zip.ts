import { crc32, deflateRawSync } from 'node:zlib';

/** A member of a zip archive. */
export interface ZipMember {
  readonly name: string;
  readonly content: string | Buffer;
  /** Default: deflated. */
  readonly stored?: boolean;
  /** What the archive tells about it instead of the truth. */
  readonly claims?: { readonly size?: number; readonly crc?: number };
}

/** Writes a zip archive (APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16): whole, or with false claims about its members. */
export function zipOf(members: readonly ZipMember[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, stored = false, claims = {} } of members) {
    const plain = Buffer.from(content);
    const packed = stored ? plain : deflateRawSync(plain);
    const fileName = Buffer.from(name);
    // Version 2.0, UTF-8 names, method, no time, 1 January 1980; then the same words in both headers.
    const common = Buffer.concat([
      words(20, 0x800, stored ? 0 : 8, 0, 0x21),
      longs(claims.crc ?? crc32(plain), packed.length, claims.size ?? plain.length),
      words(fileName.length, 0),
    ]);
    const local = Buffer.concat([longs(0x04034b50), common, fileName, packed]);
    directory.push(longs(0x02014b50), words(20), common, words(0, 0, 0), longs(0, offset), fileName);
    locals.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = [longs(0x06054b50), words(0, 0, members.length, members.length)];
  return Buffer.concat([...locals, entries, ...end, longs(entries.length, offset), words(0)]);
}

function words(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from([value & 0xff, value >>> 8])));
}

function longs(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => words(value & 0xffff, value >>> 16)));
}
