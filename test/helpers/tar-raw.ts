/** A header block with every field in the writer's hands: for archives that no honest program writes. */
export interface RawHeader {
  readonly name: string | Buffer;
  readonly size?: number | Buffer;
  readonly type?: string;
  readonly target?: string;
  readonly prefix?: string | Buffer;
  readonly magic?: string;
  /** Text for the field of the checksum instead of the right one. */
  readonly checksum?: string;
}

export function rawHeader(header: RawHeader): Buffer {
  const block = Buffer.alloc(512);
  put(block, header.name, 0, 100);
  put(block, '0000644\0', 100, 8);
  put(block, '0000000\0', 108, 8);
  put(block, '0000000\0', 116, 8);
  const { size = 0 } = header;
  put(block, typeof size === 'number' ? `${size.toString(8).padStart(11, '0')}\0` : size, 124, 12);
  put(block, '00000000000\0', 136, 12);
  put(block, header.type ?? '0', 156, 1);
  put(block, header.target ?? '', 157, 100);
  put(block, header.magic ?? 'ustar\x0000', 257, 8);
  put(block, header.prefix ?? '', 345, 155);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(block, header.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return block;
}

function put(block: Buffer, value: string | Buffer, at: number, length: number): void {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  bytes.copy(block, at, 0, length);
}

/** A member with content and padding. */
export function rawMember(header: RawHeader, content: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(content);
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return Buffer.concat([rawHeader({ size: bytes.length, ...header }), bytes, padding]);
}

/** An extended header with these records. */
export function paxHeader(records: readonly (readonly [string, string | Buffer])[], type = 'x'): Buffer {
  return rawMember({ name: 'PaxHeaders/0', type }, Buffer.concat(records.map(paxRecord)));
}

function paxRecord([key, value]: readonly [string, string | Buffer]): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

export const endMark: Buffer = Buffer.alloc(1024);
