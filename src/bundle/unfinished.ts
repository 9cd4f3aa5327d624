import { createReadStream } from 'node:fs';
import { lstat, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../core/image.ts';
import { readJournal } from './journal.ts';
import type { BlobLender } from './lender.ts';
import { unfinishedFolder } from './names.ts';
import { asideNames } from './set-aside.ts';
import { frontOf } from './stretches.ts';

const readSize = 1024 * 1024;

/** A blob, or its first bytes, in a file that an earlier run has left. */
interface Held {
  readonly file: string;
  readonly offset: number;
  readonly size: number;
  /** Bytes that are there, from the first on. */
  readonly bytes: number;
}

/** What an export had fetched that did not finish, and whose content was another: it lends its blobs. */
export class UnfinishedExport implements BlobLender {
  readonly name = 'the export that did not finish';
  /** Set when the disk is too small for both: each file becomes shorter as its blobs move. */
  taken?: (digest: Digest) => Promise<void>;
  readonly #folder: string;
  readonly #held: Map<Digest, Held>;

  private constructor(folder: string, held: Map<Digest, Held>) {
    this.#folder = folder;
    this.#held = held;
  }

  /** Finds everything that earlier runs have left in an output folder. */
  static async find(dir: string): Promise<UnfinishedExport[]> {
    const found: UnfinishedExport[] = [];
    for (const name of await asideNames(dir)) {
      const folder = path.join(dir, unfinishedFolder, name);
      const state = await readJournal(folder);
      const held = new Map<Digest, Held>();
      for (const { digest, offset, size, file: archive } of state?.places ?? []) {
        const file = path.join(folder, archive);
        // A run that gave room back has left the file shorter.
        const end = (await lstat(file).catch(() => undefined))?.size ?? 0;
        const bytes = Math.min(size, frontOf(state?.stretches.get(digest) ?? []), end - offset);
        if (bytes > (held.get(digest)?.bytes ?? 0)) held.set(digest, { file, offset, size, bytes });
      }
      found.push(new UnfinishedExport(folder, held));
    }
    return found;
  }

  held({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): number {
    const place = this.#held.get(digest);
    return place?.size === size ? place.bytes : 0;
  }

  open(digest: Digest, from: number, signal: AbortSignal): Promise<Readable> {
    const place = this.#held.get(digest);
    if (place === undefined) return Promise.reject(new Error('it is not there any more'));
    const { file, offset, bytes } = place;
    return Promise.resolve(
      createReadStream(file, {
        start: offset + from,
        end: offset + bytes - 1,
        highWaterMark: readSize,
        signal,
      }),
    );
  }

  /** Where a blob stands, as a number: the room of those with high ones can be given back first. */
  placeOf(digest: Digest): number {
    return this.#held.get(digest)?.offset ?? 0;
  }

  /** Bytes that it takes on the disk. */
  async allocated(): Promise<number> {
    const files = [...new Set([...this.#held.values()].map(({ file }) => file))];
    const sizes = await Promise.all(files.map(async (file) => (await lstat(file)).blocks * 512));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** From now on only the wanted blobs are kept, and each only until it is safe elsewhere. */
  async giveRoomBack(wanted: ReadonlySet<Digest>): Promise<void> {
    const files = new Set([...this.#held.values()].map(({ file }) => file));
    for (const digest of this.#held.keys()) if (!wanted.has(digest)) this.#held.delete(digest);
    for (const file of files) await this.#shorten(file);
    this.taken = async (digest) => {
      const place = this.#held.get(digest);
      this.#held.delete(digest);
      if (place !== undefined) await this.#shorten(place.file);
    };
  }

  /** Is there nothing in it that `others` do not have? */
  isCoveredBy(others: ReadonlySet<Digest>): boolean {
    return [...this.#held.keys()].every((digest) => others.has(digest));
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #shorten(file: string): Promise<void> {
    const ends = [...this.#held.values()].flatMap((held) =>
      held.file === file ? [held.offset + held.bytes] : [],
    );
    await truncate(file, Math.max(0, ...ends));
  }
}
