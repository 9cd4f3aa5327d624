import { Readable } from 'node:stream';
import { hold } from '../../core/slabs.ts';

/** The connection that a body comes from. */
interface Line {
  pause(): void;
  resume(): void;
  cut(): void;
}

/**
 * The body of an answer. The connection is held back while nobody reads, and cut when the body is destroyed before its
 * end. Its chunks lie in slabs: who is done with one may give it back (core/slabs.ts).
 */
export class AnswerBody extends Readable {
  readonly #line: Line;
  #isComplete = false;

  constructor(line: Line) {
    super();
    this.#line = line;
    // It may break before anybody reads it. Whoever does still meets the fault.
    this.on('error', () => undefined);
  }

  give(chunk: Buffer): void {
    hold(chunk);
    if (!this.push(chunk)) this.#line.pause();
  }

  finish(): void {
    this.#isComplete = true;
    this.push(null);
  }

  override _read(): void {
    if (!this.#isComplete) this.#line.resume();
  }

  override _destroy(fault: Error | null, done: (fault?: Error | null) => void): void {
    if (!this.#isComplete) this.#line.cut();
    done(fault);
  }
}
