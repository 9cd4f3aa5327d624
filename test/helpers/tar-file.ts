import { Header, Pax } from 'tar';

/** A member of a tar archive. */
export interface TarMember {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice';
  readonly target?: string;
  /** Write the name into an extended header? */
  readonly isPax?: boolean;
}

/** A tar archive with these members and its end mark. */
export function tarOf(members: readonly TarMember[]): Buffer {
  const blocks = members.flatMap(({ name, content = '', type = 'File', target, isPax = false }) => {
    const bytes = Buffer.from(content);
    const header = new Header({
      ...{ path: isPax ? 'short' : name, size: bytes.length, type, mode: 0o644 },
      ...(target === undefined ? {} : { linkpath: target }),
    });
    header.encode();
    const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
    const extended = isPax ? [new Pax({ path: name }).encode()] : [];
    return [...extended, header.block ?? Buffer.alloc(0), bytes, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
