import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { isTar, tarBlock, type ArchiveSource } from './archive-source.ts';
import { tooLarge, type Member, type PassingMember, type ReadOptions } from './archive-member.ts';

/**
 * Passes every member of a tar archive on, in its order. Nothing but the wanted members is held. An archive that is
 * cut off, also between two members, is refused.
 */
export async function readTar(
  source: ArchiveSource,
  isGzip: boolean,
  options: ReadOptions,
  pass: (passing: PassingMember) => Promise<void>,
): Promise<void> {
  const reading = new Reading(options);
  let start = Buffer.alloc(0);
  for await (const chunk of decompressed(source, isGzip)) {
    options.signal?.throwIfAborted();
    options.budget.spend(chunk.length);
    if (start.length >= tarBlock) {
      reading.write(chunk);
    } else {
      start = Buffer.concat([start, chunk]);
      if (start.length < tarBlock) continue;
      // Our parser would also decompress, without a word to us.
      if (!isTar(start)) throw new Error('no tar archive is in it');
      reading.write(start);
    }
    for (const passing of reading.done.splice(0)) await pass(passing);
  }
  if (start.length < tarBlock) throw new Error('no tar archive is in it');
  reading.end();
  for (const passing of reading.done.splice(0)) await pass(passing);
}

function decompressed(source: ArchiveSource, isGzip: boolean): AsyncIterable<Buffer> {
  const stream = source.stream();
  if (!isGzip) return stream;
  // A fault of the one destroys the other, so it comes out where we read.
  return pipeline(stream, createGunzip({ chunkSize: 64 * 1024 }), () => undefined);
}

class Reading {
  /** The members that went by since this was emptied last. */
  readonly done: PassingMember[] = [];
  readonly #parser = new Parser({ strict: true, brotli: false, zstd: false });
  readonly #options: ReadOptions;
  #index = -1;
  #fault: Error | undefined;
  #isComplete = false;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.#parser.on('error', (fault: Error) => (this.#fault ??= fault));
    this.#parser.on('eof', () => (this.#isComplete = true));
    this.#parser.on('entry', (entry: ReadEntry) => this.#take(entry));
    this.#parser.on('ignoredEntry', (entry: ReadEntry) => {
      this.#fault ??= new Error(`a member of a kind that is not supported (${entry.type})`);
    });
  }

  /** What follows the end mark is no part of the archive. */
  write(chunk: Buffer): void {
    if (!this.#isComplete) this.#parser.write(chunk);
    if (this.#fault !== undefined) throw this.#fault;
  }

  end(): void {
    this.#parser.end();
    if (this.#fault !== undefined) throw this.#fault;
    if (!this.#isComplete) throw new Error('it is cut off: the end mark is missing');
  }

  #take(entry: ReadEntry): void {
    this.#index += 1;
    this.#options.budget.count();
    const member = { name: entry.path, kind: kindOf(entry) };
    const limit = this.#options.limitOf(this.#index);
    if (limit === undefined || entry.size > limit) {
      const name = `${this.#options.path}!${member.name}`;
      const content = limit === undefined ? undefined : tooLarge(name, entry.size, limit);
      this.done.push({ member, content });
      entry.resume();
      return;
    }
    const chunks: Buffer[] = [];
    entry.on('data', (chunk) => chunks.push(chunk));
    entry.on('end', () => this.done.push({ member, content: Buffer.concat(chunks) }));
  }
}

const fileTypes = ['File', 'OldFile', 'ContiguousFile'];
const linkTypes = ['Link', 'SymbolicLink'];

function kindOf({ type }: ReadEntry): Member['kind'] {
  if (fileTypes.includes(type)) return 'file';
  if (linkTypes.includes(type)) return 'link';
  return type === 'Directory' ? 'folder' : 'other';
}
