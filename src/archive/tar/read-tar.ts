import { limits } from '../../core/limits.ts';
import { blockSize, paddingOf } from '../tar-frame.ts';
import { archiveFault } from './archive-fault.ts';
import { ByteCursor } from './byte-cursor.ts';
import { parseHeader, type TarHeader } from './header.ts';
import { linkedLayer, memberName } from './member-name.ts';
import { readPax, type PaxRecords } from './pax.ts';

/** A member of an archive, its name in the one form of `memberName`. */
export type TarMember = {
  readonly name: string;
  /** Where its content starts in the archive, and how long it is, in bytes. */
  readonly offset: number;
  readonly size: number;
} & (
  | { readonly kind: 'file' | 'folder' }
  /** Stands for another layer, by that member's name. */
  | { readonly kind: 'link'; readonly target: string }
);

export interface TarOptions {
  /** The archive, for messages. */
  readonly name: string;
  readonly signal?: AbortSignal;
}

/** Takes a member; what it leaves of the content is passed over. */
export type TakeMember = (member: TarMember, content: AsyncIterable<Buffer>) => Promise<void>;

/** Records of tapes have 10 KiB, those of the largest writers some MiB. A whole archive of zeros is none. */
const mostZeros = 16 * 1024 * 1024;

/** Sizes that do not fit into the eleven octal digits of a header. */
const largeSize = 8 * 1024 ** 3;

/**
 * Reads an image archive strictly, from its first byte to its last: ustar with an extended header per member at most.
 * Whatever readers of tar understand in different ways is refused with `E_ARCHIVE_MALFORMED`, since an archive must
 * not mean one thing here and another to an engine. Too many members and too long headers are `E_LIMIT_EXCEEDED` or
 * `E_ARCHIVE_MALFORMED`. Memory: one chunk, one header, and the names of all members.
 */
export async function readTar(
  chunks: AsyncIterable<Buffer>,
  options: TarOptions,
  take: TakeMember,
): Promise<void> {
  const reading = new TarReading(new ByteCursor(chunks), options);
  await reading.run(take);
}

class TarReading {
  readonly #cursor: ByteCursor;
  readonly #options: TarOptions;
  readonly #kinds = new Map<string, TarMember['kind']>();

  constructor(cursor: ByteCursor, options: TarOptions) {
    this.#cursor = cursor;
    this.#options = options;
  }

  async run(take: TakeMember): Promise<void> {
    try {
      let pax: PaxRecords | undefined;
      for (let block = await this.#header(); block !== undefined; block = await this.#header()) {
        this.#options.signal?.throwIfAborted();
        const header = parseHeader(block, (why, name) => this.#fault(why, name));
        if (header.type === 'pax') {
          if (pax !== undefined) throw this.#fault('two extended headers for one member');
          pax = await this.#pax(header);
          continue;
        }
        await this.#member(this.#joined(header, pax), take);
        pax = undefined;
      }
      if (pax !== undefined) throw this.#fault('an extended header without its member');
      await this.#end();
    } finally {
      await this.#cursor.close();
    }
  }

  /** The next header; undefined for the first block of the end mark. */
  async #header(): Promise<Buffer | undefined> {
    const block = await this.#cursor.upTo(blockSize);
    if (block.length < blockSize) throw this.#fault('the archive is cut off before its end mark');
    return isZero(block) ? undefined : block;
  }

  async #pax(header: TarHeader): Promise<PaxRecords> {
    const fail = (why: string): Error => this.#fault(why, header.name);
    if (header.size > limits.paxHeader) throw fail(`an extended header of over ${limits.paxHeader} bytes`);
    const bytes = await this.#cursor.upTo(header.size);
    if (bytes.length < header.size) throw fail('the archive is cut off in an extended header');
    await this.#padding(header.size, header.name);
    return readPax(bytes, fail);
  }

  #joined(header: TarHeader, pax: PaxRecords = {}): TarMember {
    const written = pax.path ?? header.name;
    const named = memberName(written);
    if ('fault' in named) throw this.#fault(named.fault, written);
    const { name } = named;
    const isFolder = header.type === 'folder';
    if (!isFolder && (written.endsWith('/') || name === '.')) {
      throw this.#fault('a file with the name of a folder', written);
    }
    if (this.#kinds.has(name)) throw this.#fault('stands in the archive twice', name);
    if (this.#kinds.size === limits.saveMembers) {
      throw this.#fault(`more than ${limits.saveMembers} members`);
    }
    const place = { name, offset: this.#cursor.offset, size: this.#size(header, pax, name) };
    if (header.type === 'file' || header.type === 'folder')
      return { ...place, kind: isFolder ? 'folder' : 'file' };
    const target = linkedLayer(name, header.target, header.type === 'symlink');
    if (target === undefined) throw this.#fault('a link that is none of a layer to another one', name);
    if (header.type === 'hardlink' && this.#kinds.get(target) !== 'file') {
      throw this.#fault('a hard link to what was not there before', name);
    }
    return { ...place, kind: 'link', target };
  }

  #size(header: TarHeader, { size = header.size }: PaxRecords, name: string): number {
    // Go leaves the field at zero when its digits do not suffice.
    const isExtension = header.size === 0 && size >= largeSize;
    if (size !== header.size && !isExtension) throw this.#fault('two different sizes', name);
    if (size !== 0 && header.type !== 'file') throw this.#fault('content where none can be', name);
    return size;
  }

  async #member(member: TarMember, take: TakeMember): Promise<void> {
    this.#kinds.set(member.name, member.kind);
    const content = this.#content(member);
    await take(member, content);
    const rest = this.#content(member);
    for (let step = await rest.next(); !step.done; step = await rest.next());
    await this.#padding(member.size, member.name);
  }

  /** The content that has not been taken yet. */
  async *#content(member: TarMember): AsyncGenerator<Buffer> {
    const end = member.offset + member.size;
    while (this.#cursor.offset < end) {
      this.#options.signal?.throwIfAborted();
      const part = await this.#cursor.some(end - this.#cursor.offset);
      if (part === undefined) throw this.#fault('the archive is cut off in it', member.name);
      yield part;
    }
  }

  async #padding(size: number, name: string): Promise<void> {
    const padding = await this.#cursor.upTo(paddingOf(size));
    if (padding.length < paddingOf(size)) throw this.#fault('the archive is cut off behind it', name);
    if (!isZero(padding)) throw this.#fault('something in the gap behind it', name);
  }

  /** The second zero block, and nothing but zeros behind it, as many as fill the last record of whoever wrote it. */
  async #end(): Promise<void> {
    const second = await this.#cursor.upTo(blockSize);
    if (second.length < blockSize || !isZero(second)) throw this.#fault('only half of an end mark');
    for (let seen = 0; seen <= mostZeros;) {
      this.#options.signal?.throwIfAborted();
      const more = await this.#cursor.some(zeros.length);
      if (more === undefined) return;
      if (!isZero(more)) throw this.#fault('data behind the end of the archive');
      seen += more.length;
    }
    throw this.#fault(`more than ${mostZeros} zeros behind the end of the archive`);
  }

  #fault(why: string, name?: string): Error {
    return archiveFault(this.#options.name, name, why);
  }
}

const zeros = Buffer.alloc(64 * 1024);

/** @param bytes at most as many as `zeros` has */
function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}
