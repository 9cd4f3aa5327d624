import { Duplex, type Readable, type Writable } from 'node:stream';
import {
  commandFailed,
  endOf,
  notStarted,
  startCommand,
  stopCommand,
  wordsFrom,
  type EngineCommand,
} from './command.ts';

/**
 * A connection that is the input and output of a command, such as `docker system dial-stdio`, which hands Docker's API
 * through: the command finds the engine by its context, speaks TLS where that says so, and sudo may stand before it. A
 * command that fails breaks the connection with its own words. Closing the connection ends the command.
 */
export function openCommandStream(command: EngineCommand, args: readonly string[]): Duplex {
  const child = startCommand(command, args);
  const stream = new CommandStream(child.stdin, child.stdout, () => stopCommand(child));
  const said = wordsFrom(child.stderr);
  endOf(child).then(
    async (ending) => {
      if (stream.destroyed || ending === 0) stream.finish();
      else stream.destroy(commandFailed(command.name, [...command.argv, ...args], ending, await said));
    },
    (fault: unknown) => stream.destroy(notStarted(command, fault)),
  );
  return stream;
}

class CommandStream extends Duplex {
  readonly #input: Writable;
  readonly #output: Readable;
  readonly #stop: () => void;
  #isOutputEnded = false;

  constructor(input: Writable, output: Readable, stop: () => void) {
    super();
    this.#input = input;
    this.#output = output;
    this.#stop = stop;
    output.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) output.pause();
    });
    output.on('error', (fault) => this.destroy(fault));
  }

  override _read(): void {
    this.#output.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (fault?: Error | null) => void): void {
    // A fault of the input means that the command has ended, which is told with its words.
    this.#input.write(chunk, () => done());
  }

  override _final(done: (fault?: Error | null) => void): void {
    this.#input.end(() => done());
  }

  override _destroy(fault: Error | null, done: (fault?: Error | null) => void): void {
    this.#stop();
    done(fault);
  }

  /** The command has ended well: there is nothing more to read. */
  finish(): void {
    if (this.#isOutputEnded) return;
    this.#isOutputEnded = true;
    this.push(null);
  }

  // What the HTTP client asks of a socket and a pipe does not have.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}
