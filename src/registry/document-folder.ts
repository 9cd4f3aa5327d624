import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf, hexOf, type Digest } from '../core/digest.ts';
import { messageOf, systemCodeOf } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { isIndexType, isManifestType } from '../core/media-types.ts';
import { makeFolder } from '../core/make-folder.ts';
import type { ImageDocument } from './document-cache.ts';
import { removeUnusedDocuments } from './document-folder-cleaning.ts';

const newline = 0x0a;
/** The line with the media type, and the largest document. */
const maxFile = 256 + Math.max(limits.imageManifest, limits.imageConfig);
/** Milliseconds after which a reading is noted again as the last use. */
const noteUseAfter = 3600 * 1000;

/**
 * Documents by digest in a folder, kept from run to run. A file holds a line with the media type that the registry gave
 * (none for configs), then the document. It appears whole or not at all, and is hashed whenever it is read; what does
 * not fit its name, or has no type that is known, is removed and counts as not there. Several runs may share the folder.
 * No fault of the disk is ever an error: what is not kept is fetched again, and the first fault of writing is told.
 */
export class DocumentFolder {
  readonly dir: string;
  readonly #emit: Emit;
  #isUnwritable = false;
  #hasGrown = false;
  #hadAny: Promise<boolean> | undefined;
  #made: Promise<unknown> | undefined;

  constructor(dir: string, emit: Emit) {
    this.dir = dir;
    this.#emit = emit;
  }

  /** Did it hold anything when it was first looked at? */
  hasEarlier(): Promise<boolean> {
    this.#hadAny ??= readdir(this.dir).then(
      (names) => names.length > 0,
      () => false,
    );
    return this.#hadAny;
  }

  /** The document, if it is there and whole. */
  async get(digest: Digest): Promise<ImageDocument | undefined> {
    const file = this.#fileOf(digest);
    try {
      const stats = await lstat(file);
      const document = stats.isFile() && stats.size <= maxFile ? parse(await readFile(file)) : undefined;
      if (document?.digest === digest) {
        await this.#noteUse(file, stats.mtimeMs);
        return document;
      }
      await rm(file, { force: true, recursive: true });
      return undefined;
    } catch {
      // Whatever is wrong with it: what it cannot give is fetched.
      return undefined;
    }
  }

  /** Keeps a document. False when it is not kept: without a type that is known, or where the disk does not want it. */
  async put(document: ImageDocument): Promise<boolean> {
    if (!isKeptType(document.mediaType) || this.#isUnwritable) return false;
    const part = path.join(this.dir, `.${randomBytes(8).toString('hex')}.part`);
    try {
      this.#made ??= makeFolder(this.dir, (folder) => mkdir(folder, 0o700));
      await this.#made;
      // Not synced: a file that a loss of power has damaged is found out by its hash.
      const content = Buffer.concat([Buffer.from(`${document.mediaType}\n`), document.bytes]);
      await writeFile(part, content, { flag: 'wx', mode: 0o600 });
      await rename(part, this.#fileOf(document.digest));
      this.#hasGrown = true;
      return true;
    } catch (fault) {
      await rm(part, { force: true }).catch(() => undefined);
      this.#giveUp(fault);
      return false;
    }
  }

  /** Removes what was not used for long, and what is too much, if this run has added something. */
  async close(): Promise<void> {
    if (!this.#hasGrown) return;
    this.#hasGrown = false;
    await removeUnusedDocuments(this.dir, Date.now());
  }

  #fileOf(digest: Digest): string {
    return path.join(this.dir, hexOf(digest));
  }

  async #noteUse(file: string, before: number): Promise<void> {
    const now = new Date();
    if (now.getTime() - before < noteUseAfter) return;
    // Another run may have removed it just now, and a folder that cannot be written still serves.
    await utimes(file, now, now).catch(() => undefined);
  }

  #giveUp(fault: unknown): void {
    if (this.#isUnwritable) return;
    this.#isUnwritable = true;
    const why = systemCodeOf(fault) ?? messageOf(fault);
    const message = `${this.dir} cannot be written (${why}): the next run fetches every image manifest again`;
    this.#emit({ type: 'note', level: 'warning', message });
  }
}

/** Undefined when this is no file of the folder. */
function parse(content: Buffer): ImageDocument | undefined {
  const end = content.indexOf(newline);
  const mediaType = content.subarray(0, Math.max(0, end)).toString('utf8');
  if (end < 0 || !isKeptType(mediaType)) return undefined;
  const bytes = content.subarray(end + 1);
  return { digest: digestOf(bytes), mediaType, bytes };
}

/** The line is not hashed: only a type that no damage can make of another one counts. */
function isKeptType(mediaType: string): boolean {
  return mediaType === '' || isManifestType(mediaType) || isIndexType(mediaType);
}
