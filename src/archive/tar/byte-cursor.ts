const none: Buffer = Buffer.alloc(0);

/** Takes bytes out of a stream in the portions that its reader wants. Holds one chunk, or one portion, at a time. */
export class ByteCursor {
  readonly #chunks: AsyncIterator<Buffer>;
  #held = none;
  #offset = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** How many bytes have been taken. */
  get offset(): number {
    return this.#offset;
  }

  /** At least one byte and at most `most`, as they come; undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      const step = await this.#chunks.next();
      if (step.done === true) return undefined;
      this.#held = step.value;
    }
    const part = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(part.length);
    this.#offset += part.length;
    return part;
  }

  /** `count` bytes; fewer only when the stream ends before. */
  async upTo(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) break;
      parts.push(part);
      missing -= part.length;
    }
    const [only] = parts;
    return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    this.#held = none;
    await this.#chunks.return?.();
  }
}
