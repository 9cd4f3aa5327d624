import type { FileHandle } from 'node:fs/promises';
import { limits } from '../core/limits.ts';
import { damagedHistory } from './history-line.ts';

/** Reads a history line by line, in pieces; no line and no file is longer than its limit. */
export class LineReader {
  readonly #handle: FileHandle;
  readonly #name: string;
  readonly #buffer = Buffer.alloc(64 * 1024);
  #ready: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(handle: FileHandle, name: string) {
    this.#handle = handle;
    this.#name = name;
  }

  /** What stands behind the last newline so far. */
  get fragment(): Buffer {
    return this.#rest;
  }

  /** Bytes that were read so far. */
  get bytes(): number {
    return this.#offset;
  }

  /** The next line, without its newline; undefined at the end. Asked again there, it looks whether the file has grown. */
  async next(): Promise<Buffer | undefined> {
    while (this.#ready.length === 0) {
      const { bytesRead } = await this.#handle.read(this.#buffer, 0, this.#buffer.length, this.#offset);
      if (bytesRead === 0) return undefined;
      this.#offset += bytesRead;
      if (this.#offset > limits.history)
        throw damagedHistory(this.#name, `it is over ${limits.history} bytes`);
      this.#split(Buffer.concat([this.#rest, this.#buffer.subarray(0, bytesRead)]));
    }
    return this.#ready.shift();
  }

  #split(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#ready.push(bytes.subarray(start, end));
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    if (
      this.#rest.length > limits.historyLine ||
      this.#ready.some(({ length }) => length > limits.historyLine)
    )
      throw damagedHistory(this.#name, `a line is over ${limits.historyLine} bytes`);
  }
}
