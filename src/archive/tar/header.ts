import { Header } from 'tar';

/** A header block as it stands, before extended headers count. */
export interface TarHeader {
  readonly type: 'file' | 'folder' | 'symlink' | 'hardlink' | 'pax';
  readonly name: string;
  /** Bytes of content that follow. */
  readonly size: number;
  readonly target: string;
}

const types: Readonly<Record<string, TarHeader['type']>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'folder',
  x: 'pax',
};

const refusedTypes: Readonly<Record<string, string>> = {
  g: 'a global extended header',
  L: 'a long name in the way of GNU tar',
  K: 'a long link in the way of GNU tar',
  S: 'a sparse file in the way of GNU tar',
  '3': 'a device',
  '4': 'a device',
  '6': 'a pipe',
};

/** Where the text fields of a header stand: start and length (POSIX.1-2017, pax, "ustar Interchange Format"). */
const textFields = { name: [0, 100], target: [157, 100], prefix: [345, 155] } as const;

/**
 * Reads a header block strictly. node-tar decodes it; all on which readers of tar differ is refused: text behind a
 * NUL, numbers that are none, headers of GNU tar that hold more than ustar does. `fail` is called with what is wrong,
 * and with the name where it could be read.
 */
export function parseHeader(block: Buffer, fail: (why: string, name?: string) => Error): TarHeader {
  const header = decode(block, fail);
  const typeByte = block.toString('latin1', 156, 157);
  const magic = block.toString('latin1', 257, 265);
  const isGnu = magic === 'ustar  \0';
  if (magic !== 'ustar\x0000' && !isGnu) throw fail('no ustar header');
  if (isGnu && block.subarray(345).some((byte) => byte !== 0)) {
    throw fail('fields of GNU tar in the header', header.path);
  }
  const name = header.path ?? '';
  for (const [start, length] of Object.values(textFields)) {
    const fault = textFault(block.subarray(start, start + length));
    if (fault !== undefined) throw fail(fault, name);
  }
  const type = types[typeByte];
  if (type === undefined) {
    throw fail(refusedTypes[typeByte] ?? `a member of the unknown type ${JSON.stringify(typeByte)}`, name);
  }
  const size = sizeOf(block);
  if (size === undefined) throw fail('a size that is no number', name);
  if (type !== 'file' && type !== 'pax' && size !== 0) throw fail('content where none can be', name);
  return { type, name, size, target: header.linkpath ?? '' };
}

function decode(block: Buffer, fail: (why: string) => Error): Header {
  let header: Header;
  try {
    header = new Header(block);
  } catch {
    throw fail('a number in the header that is none');
  }
  if (!header.cksumValid) throw fail('a header with a wrong checksum');
  return header;
}

function textFault(field: Buffer): string | undefined {
  const end = field.indexOf(0);
  const text = end < 0 ? field : field.subarray(0, end);
  if (end >= 0 && field.subarray(end).some((byte) => byte !== 0)) return 'NUL in a name';
  return Buffer.from(text.toString('utf8')).equals(text) ? undefined : 'a name that is not UTF-8';
}

/** Octal digits, or base-256 (first byte 0x80). node-tar reads more spellings, and takes some for zero. */
function sizeOf(block: Buffer): number | undefined {
  const field = block.subarray(124, 136);
  if (field[0] === 0x80) {
    const size = field.readBigUInt64BE(4);
    const isShort = field.subarray(1, 4).every((byte) => byte === 0);
    return isShort && size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : undefined;
  }
  const [, digits] = /^ *([0-7]+)[ \0]*$/.exec(field.toString('latin1')) ?? [];
  return digits === undefined ? undefined : parseInt(digits, 8);
}
