import { open, readFile, rename, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../archive/atomic-file.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import { systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { bundleFiles, partName } from './names.ts';
import { joined, type Stretch } from './stretches.ts';

/** What an unfinished export left: which content it was for, its fixed facts, and what there is of each blob. */
export interface JournalState {
  /** Digest of the planned content; another content cannot go on from here. */
  readonly plan: Digest;
  readonly createdAt: string;
  readonly sequence: number;
  /** What is written of each blob, joined. It is hashed again before it counts, and may go beyond the blob's end. */
  readonly stretches: ReadonlyMap<Digest, readonly Stretch[]>;
  /** Where each blob stands or will stand; for runs with another content, which do not know the plan. */
  readonly places: readonly BlobPlace[];
}

/** The place of a blob in an archive of an export; offset and size in bytes. */
export interface BlobPlace {
  readonly file: string;
  readonly digest: Digest;
  readonly offset: number;
  readonly size: number;
}

const marker = 'packferry-journal-3';
/** The one before knew only how far each blob came from its first byte on. */
const readable: readonly string[] = [marker, 'packferry-journal-2'];
const headLine = /^(\S+) (\S+) (\S+) ([0-9]{1,15})$/;
const placeLine = /^@ (images-[0-9]{3}\.tar) ([0-9]{1,15}) ([0-9]{1,15}) (\S+)$/;
const stretchLine = /^(\S+) ([0-9]{1,15})(?: ([0-9]{1,15}))?$/;

/** Reads the journal of an unfinished export; undefined when there is none, or none that can be used. */
export async function readJournal(dir: string): Promise<JournalState | undefined> {
  const file = path.join(dir, bundleFiles.journal);
  let text: string;
  try {
    // One that is far too long was not written here.
    if ((await stat(file)).size > limits.journal) return undefined;
    text = await readFile(file, 'utf8');
  } catch (fault) {
    if (systemCodeOf(fault) === 'ENOENT') return undefined;
    throw fault;
  }
  // A crash may have cut the last line: only whole lines count.
  const [head = '', ...lines] = text.split('\n').slice(0, -1);
  const [, version = '', plan = '', createdAt = '', sequence] = headLine.exec(head) ?? [];
  if (!readable.includes(version) || !isDigest(plan) || Number.isNaN(Date.parse(createdAt))) return undefined;
  const noted = new Map<Digest, Stretch[]>();
  const places: BlobPlace[] = [];
  for (const line of lines) {
    const [, name = '', offset, size, held = ''] = placeLine.exec(line) ?? [];
    if (isDigest(held)) places.push({ file: name, digest: held, offset: Number(offset), size: Number(size) });
    const [, digest = '', first, second] = stretchLine.exec(line) ?? [];
    if (isDigest(digest)) addNote(noted, digest, Number(first), second);
  }
  const stretches = new Map([...noted].map(([digest, all]) => [digest, joined(all)] as const));
  return { plan, createdAt, sequence: Number(sequence), stretches, places };
}

/** `DIGEST FROM TO`, or `DIGEST TO` from the first byte on; `DIGEST 0` takes back all that was noted before. */
function addNote(noted: Map<Digest, Stretch[]>, digest: Digest, first: number, second?: string): void {
  const stretch = second === undefined ? { from: 0, to: first } : { from: first, to: Number(second) };
  if (stretch.to === 0) noted.delete(digest);
  else
    noted
      .set(digest, noted.get(digest) ?? [])
      .get(digest)
      ?.push(stretch);
}

function textOf({ plan, createdAt, sequence, places, stretches }: JournalState): string {
  const lines = [`${marker} ${plan} ${createdAt} ${sequence}`];
  for (const { file, digest, offset, size } of places) lines.push(`@ ${file} ${offset} ${size} ${digest}`);
  for (const [digest, all] of stretches)
    for (const { from, to } of all) lines.push(`${digest} ${from} ${to}`);
  return `${lines.join('\n')}\n`;
}

/**
 * The journal of a running export. Lines that are added are not synced: what they call written is hashed again by the
 * next run, and a lost line only means that bytes are fetched twice. A journal that has become long is written anew.
 */
export class Journal {
  readonly #dir: string;
  readonly #facts: Omit<JournalState, 'stretches'>;
  readonly #stretches: Map<Digest, readonly Stretch[]>;
  readonly #most: number;
  #file: FileHandle;
  #size: number;
  /** Length from which on it is written anew. */
  #limit: number;
  /** Lines that the running write did not take along. */
  #pending = '';
  #writing: Promise<void> = Promise.resolve();

  private constructor(dir: string, state: JournalState, most: number, { file, size }: Written) {
    this.#dir = dir;
    this.#facts = state;
    this.#stretches = new Map(state.stretches);
    this.#most = most;
    this.#file = file;
    this.#size = size;
    this.#limit = Math.max(most, 2 * size);
  }

  /**
   * Starts a journal with what is known, which is nothing or what an earlier run left; one that is there is replaced.
   * Of `most` bytes on (half of what is read) it is written anew while it runs.
   */
  static async start(dir: string, state: JournalState, most = limits.journal / 2): Promise<Journal> {
    return new Journal(dir, state, most, await writeAnew(dir, state));
  }

  /**
   * Notes that a stretch of a blob is in the file. Nobody needs to wait for it: what is noted while another write runs
   * goes into one after it, and `close` throws what went wrong.
   */
  note(digest: Digest, stretch: Stretch): void {
    if (stretch.from >= stretch.to) return;
    this.#stretches.set(digest, joined([...(this.#stretches.get(digest) ?? []), stretch]));
    this.#add(`${digest} ${stretch.from} ${stretch.to}\n`);
  }

  /** Notes that nothing of a blob is to be kept. */
  forget(digest: Digest): void {
    this.#stretches.delete(digest);
    this.#add(`${digest} 0\n`);
  }

  #add(line: string): void {
    const isFirst = this.#pending === '';
    this.#pending += line;
    if (!isFirst) return;
    this.#writing = this.#writing.then(() => this.#write());
    // Met by whoever awaits the same promise.
    this.#writing.catch(() => undefined);
  }

  async #write(): Promise<void> {
    const lines = this.#pending;
    this.#pending = '';
    await this.#file.writeFile(lines);
    this.#size += lines.length;
    if (this.#size > this.#limit) await this.#shorten();
  }

  async #shorten(): Promise<void> {
    const { file, size } = await writeAnew(this.#dir, { ...this.#facts, stretches: this.#stretches });
    const old = this.#file;
    this.#file = file;
    this.#size = size;
    this.#limit = Math.max(this.#most, 2 * size);
    await old.close();
  }

  /** Waits until all that was noted is in the file. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#file.close();
    }
  }
}

interface Written {
  readonly file: FileHandle;
  /** Bytes in it. */
  readonly size: number;
}

/** Writes a journal that replaces the one that is there as soon as it is safe on the disk. The file stays open. */
async function writeAnew(dir: string, state: JournalState): Promise<Written> {
  const name = path.join(dir, bundleFiles.journal);
  const text = textOf(state);
  const file = await open(partName(name), 'w', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
    await rename(partName(name), name);
    // After a power loss, no archive may be there without the journal that says whose it is.
    await syncFolder(dir);
  } catch (fault) {
    await file.close();
    throw fault;
  }
  return { file, size: text.length };
}
