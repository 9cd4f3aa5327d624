import { limits } from '../../core/limits.ts';
import { malformed } from './http-fault.ts';

/** Thirteen hexadecimal digits are a number without loss. Extensions are allowed, and mean nothing. */
const sizeLine = /^([0-9a-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i;

/** Takes a body in chunks apart (RFC 9112, section 7.1). */
export class ChunkedBody {
  /** Of the chunk that is being read. */
  #left = 0;
  /** The line that is being read, as far as it has come. */
  #line = '';
  #state: 'size' | 'data' | 'after' | 'trailer' | 'end' = 'size';
  /** Bytes of trailers. */
  #trailers = 0;

  get isComplete(): boolean {
    return this.#state === 'end';
  }

  /** Takes the next bytes and gives those of the content on. Returns what comes behind the body, mostly nothing. */
  take(bytes: Buffer, give: (content: Buffer) => void): Buffer {
    let rest = bytes;
    while (rest.length > 0 && this.#state !== 'end') {
      if (this.#state === 'data') {
        const content = rest.subarray(0, this.#left);
        this.#left -= content.length;
        if (this.#left === 0) this.#state = 'after';
        rest = rest.subarray(content.length);
        give(content);
      } else rest = this.#takeLine(rest);
    }
    return rest;
  }

  #takeLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(0x0a);
    const length = end < 0 ? bytes.length : end + 1;
    if (this.#line.length + length > limits.answerLine) throw malformed('a line between chunks is too long');
    this.#line += bytes.toString('latin1', 0, length);
    if (end >= 0) {
      if (!this.#line.endsWith('\r\n')) throw malformed('a line between chunks does not end as it should');
      const line = this.#line.slice(0, -2);
      this.#line = '';
      this.#endLine(line);
    }
    return bytes.subarray(length);
  }

  #endLine(line: string): void {
    if (this.#state === 'after') {
      if (line !== '') throw malformed('a chunk is longer than announced');
      this.#state = 'size';
    } else if (this.#state === 'trailer') {
      this.#trailers += line.length;
      if (this.#trailers > limits.answerHead) throw malformed('the trailers are too long');
      if (line === '') this.#state = 'end';
    } else {
      const [, size] = sizeLine.exec(line) ?? [];
      if (size === undefined) throw malformed('a chunk has no size');
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'data';
    }
  }
}
