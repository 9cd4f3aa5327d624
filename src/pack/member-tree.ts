import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Member } from './archive-member.ts';
import type { Place } from './layout.ts';
import { isArchiveName, isYamlName, type TreeEntry, type TreeFile, type TreeFolder } from './tree.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** A file in an archive. Its content comes later, and only if somebody took it. */
export class MemberFile implements TreeFile {
  readonly kind = 'file';
  readonly name: string;
  readonly path: string;
  readonly identity: string;
  /** Why its content cannot be had, until it can. */
  fault: PackferryError;
  #limit: number | undefined;
  #isAmbiguous = false;
  #packed: Buffer | undefined;

  constructor(name: string, { path, identity }: Place) {
    this.name = name;
    this.path = path;
    this.identity = identity;
    this.fault = new PackferryError('E_PACK_INVALID', `${path}: the archive changed while it was read`, {
      hint: 'Run the same command again.',
    });
  }

  take(maxBytes: number): (signal?: AbortSignal) => Promise<Uint8Array> {
    this.#limit = maxBytes;
    return async () => {
      if (this.#packed === undefined) throw this.fault;
      return await inflate(this.#packed, { maxOutputLength: Math.max(maxBytes, 1) });
    };
  }

  /** The limit of its content in bytes; undefined when it is not wanted. */
  get limit(): number | undefined {
    return this.#isAmbiguous ? undefined : this.#limit;
  }

  /** Held compressed: the items of a large archive would need much memory otherwise. */
  async fill(content: Buffer | PackferryError): Promise<void> {
    if (content instanceof PackferryError) this.fault = content;
    else this.#packed = await deflate(content, { level: 1 });
  }

  /** Another member has the same name. Which one is meant, programs decide differently: neither is read. */
  refuse(): void {
    this.#isAmbiguous = true;
    this.fault = new PackferryError('E_PACK_INVALID', `${this.path}: two members have this name`, {
      hint: 'Pack the archive anew, with each file once.',
    });
  }
}

/** The folders and files of an archive, from the names of its members. Nothing is ever written under such a name. */
export class MemberTree {
  readonly root: TreeFolder;
  /** The files that may matter, by the number of their member. */
  readonly files = new Map<number, MemberFile>();
  readonly #archive: Place;
  readonly #emit: Emit;
  readonly #top: Folder;

  constructor(archive: Place, emit: Emit) {
    this.#archive = archive;
    this.#emit = emit;
    this.#top = new Folder('', archive);
    this.root = this.#top;
  }

  /** Adds the member with this number. Names that lead out of the archive are skipped with a warning. */
  add(index: number, member: Member): void {
    const segments = segmentsOf(member.name);
    if (segments === undefined) {
      const message = `${this.#archive.path}!${member.name}: skipped, its name leads out of the archive`;
      this.#emit({ type: 'note', level: 'warning', message });
      return;
    }
    const name = member.kind === 'folder' ? undefined : segments.pop();
    const folder = segments.reduce((outer, segment) => outer.folder(segment), this.#top);
    if (name === undefined || member.kind === 'folder') return;
    const place = { path: `${this.#archive.path}!${member.name}`, identity: folder.identityOf(name) };
    if (member.kind !== 'file') {
      folder.add({ ...place, name, kind: member.kind });
    } else if (mayMatter(name)) {
      const file = new MemberFile(name, place);
      folder.add(file);
      this.files.set(index, file);
    }
  }
}

class Folder implements TreeFolder {
  readonly kind = 'folder';
  readonly name: string;
  readonly path: string;
  readonly identity: string;
  readonly #isRoot: boolean;
  readonly #folders = new Map<string, Folder>();
  readonly #others = new Map<string, TreeEntry>();

  constructor(name: string, { path, identity }: Place) {
    this.name = name;
    this.path = path;
    this.identity = identity;
    this.#isRoot = name === '';
  }

  identityOf(name: string): string {
    return `${this.identity}${this.#isRoot ? '!' : '/'}${name}`;
  }

  folder(name: string): Folder {
    const known = this.#folders.get(name);
    if (known !== undefined) return known;
    const path = `${this.path}${this.#isRoot ? '!' : '/'}${name}`;
    const fresh = new Folder(name, { path, identity: this.identityOf(name) });
    this.#folders.set(name, fresh);
    return fresh;
  }

  add(entry: TreeEntry): void {
    const known = this.#others.get(entry.name);
    const file = [known, entry].find((one) => one instanceof MemberFile);
    if (known !== undefined) file?.refuse();
    this.#others.set(entry.name, file ?? entry);
  }

  entries(): Promise<readonly TreeEntry[]> {
    const all = [...this.#folders.values(), ...this.#others.values()];
    return Promise.resolve(all.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }
}

/** Other members are not even listed: content repositories have tens of thousands of them. */
function mayMatter(name: string): boolean {
  return isYamlName(name) || isArchiveName(name) || name === 'pack_metadata.json' || name === 'metadata.json';
}

/** Absolute names (bundles of the server have them) count from the top of the archive. */
function segmentsOf(name: string): string[] | undefined {
  if (/^[A-Za-z]:|[\0-\x1f\x7f]/.test(name)) return undefined;
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  return segments.includes('..') ? undefined : segments;
}
