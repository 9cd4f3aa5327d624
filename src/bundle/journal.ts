import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../archive/atomic-file.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import { systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { bundleFiles } from './names.ts';

/** What an unfinished export left: which content it was for, its fixed facts, and how far each blob came. */
export interface JournalState {
  /** Digest of the planned content; another content cannot go on from here. */
  readonly plan: Digest;
  readonly createdAt: string;
  readonly sequence: number;
  /** Bytes written per blob. They are hashed again before they count. */
  readonly progress: ReadonlyMap<Digest, number>;
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

const marker = 'packferry-journal-2';
const placeLine = /^@ (images-[0-9]{3}\.tar) ([0-9]{1,15}) ([0-9]{1,15}) (\S+)$/;

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
  const [version, plan = '', createdAt = '', sequence = ''] = head.split(' ');
  if (version !== marker || !isDigest(plan) || Number.isNaN(Date.parse(createdAt))) return undefined;
  const progress = new Map<Digest, number>();
  const places: BlobPlace[] = [];
  for (const line of lines) {
    const [, name = '', offset, size, held = ''] = placeLine.exec(line) ?? [];
    if (isDigest(held)) places.push({ file: name, digest: held, offset: Number(offset), size: Number(size) });
    const [digest = '', bytes = ''] = line.split(' ');
    if (isDigest(digest) && /^[0-9]{1,15}$/.test(bytes)) progress.set(digest, Number(bytes));
  }
  return { plan, createdAt, sequence: Number(sequence), progress, places };
}

/**
 * Appends to the journal of a running export. Nothing depends on its being synced: a blob that it calls written is
 * hashed again by the next run, and a lost line only means that bytes are fetched twice.
 */
export class Journal {
  readonly #file: FileHandle;
  /** Lines that the running write did not take along. */
  #pending = '';
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Starts a journal afresh; what an earlier run had and this one confirmed is noted again. */
  static async start(dir: string, state: Omit<JournalState, 'progress'>): Promise<Journal> {
    const file = await open(path.join(dir, bundleFiles.journal), 'w', 0o644);
    const places = state.places.map(({ file: name, digest, offset, size }) => {
      return `@ ${name} ${offset} ${size} ${digest}\n`;
    });
    await file.writeFile(`${marker} ${state.plan} ${state.createdAt} ${state.sequence}\n${places.join('')}`);
    await file.sync();
    // After a power loss, no archive may be there without the journal that says whose it is.
    await syncFolder(dir);
    return new Journal(file);
  }

  /** Goes on with the journal that is there. */
  static async resume(dir: string): Promise<Journal> {
    const file = await open(path.join(dir, bundleFiles.journal), 'a', 0o644);
    // Ends a line that a crash may have cut.
    await file.write('\n');
    return new Journal(file);
  }

  /**
   * Notes that the first `bytes` bytes of a blob are in the file. Nobody needs to wait for it: what is noted while
   * another write runs goes into one after it, and `close` throws what went wrong.
   */
  note(digest: Digest, bytes: number): void {
    const isFirst = this.#pending === '';
    this.#pending += `${digest} ${bytes}\n`;
    if (!isFirst) return;
    this.#writing = this.#writing.then(() => this.#write());
    // Met by whoever awaits the same promise.
    this.#writing.catch(() => undefined);
  }

  async #write(): Promise<void> {
    const lines = this.#pending;
    this.#pending = '';
    await this.#file.writeFile(lines);
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
