import * as z from 'zod';
import { plainWords } from '../../core/plain-words.ts';

/** The longest end of an archive in which words are looked for, and how far behind a fault they may stand, in bytes. */
const tailSize = 8 * 1024;
const furthest = 4 * 1024 * 1024;

const words = z.object({ message: z.string().exactOptional(), error: z.string().exactOptional() });

/**
 * Lets an archive through and remembers its end. An engine that fails in the middle of a save has answered 200 long
 * ago: it appends a JSON text to what it sent, and that is all it can say.
 */
export class AppendedWords {
  #tail: Buffer = Buffer.alloc(0);
  #chunks: AsyncIterator<Buffer> | undefined;

  async *watch(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    // Not with for await: that would close the stream where the reader gives up, and the words come later.
    const iterator = chunks[Symbol.asyncIterator]();
    this.#chunks = iterator;
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
      this.#see(step.value);
      yield step.value;
    }
  }

  /** What stands at the end of the archive, once its reader has given up; undefined when those are no words. */
  async find(): Promise<string | undefined> {
    try {
      for (let seen = 0; seen < furthest;) {
        const step = await this.#chunks?.next();
        if (step === undefined || step.done) break;
        this.#see(step.value);
        seen += step.value.length;
      }
    } catch {
      // A connection that broke as well: what came before counts.
    }
    return wordsIn(this.#tail.toString('utf8'));
  }

  async close(): Promise<void> {
    await this.#chunks?.return?.();
  }

  #see(chunk: Buffer): void {
    if (chunk.length < tailSize) this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-tailSize);
    else this.#tail = Buffer.from(chunk.subarray(-tailSize));
  }
}

function wordsIn(tail: string): string | undefined {
  const text = tail.trimEnd();
  if (!text.endsWith('}')) return undefined;
  for (let start = text.indexOf('{"'); start >= 0; start = text.indexOf('{"', start + 1)) {
    const value = parsed(text.slice(start));
    const said = value?.message ?? value?.error;
    if (said !== undefined) return plainWords(said);
  }
  return undefined;
}

function parsed(text: string): z.infer<typeof words> | undefined {
  try {
    return words.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
