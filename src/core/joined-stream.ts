import { Duplex, type Readable, type Writable } from 'node:stream';

/** Bytes that are taken before a writer has to wait. */
const buffered = 256 * 1024;

/**
 * An input and an output as one stream, for instance those of a command. Its reading ends by `finish` only: how a command
 * ended is known after its output.
 */
export class JoinedStream extends Duplex {
  readonly #input: Writable;
  readonly #output: Readable;
  readonly #stop: () => void;
  #isFinished = false;

  /** `stop` is called when the stream is destroyed. */
  constructor(input: Writable, output: Readable, stop: () => void) {
    super({ readableHighWaterMark: buffered, writableHighWaterMark: buffered });
    this.#input = input;
    this.#output = output;
    this.#stop = stop;
    output.on('data', (bytes: Buffer) => {
      if (!this.destroyed && !this.push(bytes)) output.pause();
    });
    output.on('error', (fault) => this.destroy(fault));
    // It may fail before anybody reads: whoever does is told then.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#output.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (fault?: Error | null) => void): void {
    // A fault of the input means that the far end has closed, which is told by how it ended.
    this.#input.write(chunk, () => done());
  }

  override _final(done: (fault?: Error | null) => void): void {
    this.#input.end(() => done());
  }

  override _destroy(fault: Error | null, done: (fault?: Error | null) => void): void {
    this.#stop();
    done(fault);
  }

  /** Nothing more will come: all went well, or not. */
  finish(fault?: Error): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (fault === undefined || this.destroyed) this.push(null);
    else this.destroy(fault);
  }
}
