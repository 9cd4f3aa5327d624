import { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { sizeMismatch } from '../core/verify-stream.ts';
import { connectionFault } from './connection-fault.ts';
import { interrupted } from './interrupted.ts';
import type { BlobAnswer } from './open-blob.ts';
import { backOff, type RetryPolicy } from './retry.ts';

export interface BlobPull {
  readonly blob: Pick<Descriptor, 'digest' | 'size'>;
  /** Byte to start at. */
  readonly from: number;
  /** Byte to stop before. */
  readonly to: number;
  /** What is being fetched, for messages: names the image. */
  readonly what: string;
  readonly policy: RetryPolicy;
  /** Stops the pull, which then ends with the signal's reason. */
  readonly signal: AbortSignal | undefined;
  /** Aborts when the source is closed: nothing is tried again then. */
  readonly closed: AbortSignal;
  /** Asks for the blob from a byte on, once more where that helps. `stuck`: the last answer, when it gave too little. */
  readonly open: (from: number, signal: AbortSignal, stuck?: BlobAnswer) => Promise<BlobAnswer>;
  readonly onServed: ((host: string) => void) | undefined;
}

/** A blob that came ahead by so many bytes since the last fault has a right to all its tries again. */
const leastProgress = 64 * 1024;

/**
 * A blob as one stream, whatever happens to the connections: an answer that breaks off is gone on with from the byte
 * that was reached. Tries are counted only as long as the blob does not get ahead. The stream ends in an error, never
 * in silence: `E_SIZE_MISMATCH` for content that is longer or shorter than the manifest says. The digest is not checked.
 */
export async function openResuming(pull: BlobPull): Promise<Readable> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(pull.signal === undefined ? [] : [pull.signal])]);
  const first = await pull.open(pull.from, signal);
  const stream = Readable.from(new Pulling(pull, signal).bytes(first), { objectMode: false });
  // A reader that goes away cuts the connection, also one that is silent.
  stream.once('close', () => {
    stop.abort();
  });
  // A fault before the caller listens must not end the process; whoever reads later still meets it.
  stream.on('error', () => undefined);
  return stream;
}

class Pulling {
  readonly #pull: BlobPull;
  readonly #signal: AbortSignal;
  #reached: number;
  /** Where the tries were last counted from. */
  #mark: number;
  #tries = 0;
  /** Where an answer came to its end although the blob is not complete. */
  #ended: number | undefined;

  constructor(pull: BlobPull, signal: AbortSignal) {
    this.#pull = pull;
    this.#signal = signal;
    this.#reached = this.#mark = pull.from;
  }

  async *bytes(first: BlobAnswer): AsyncGenerator<Buffer> {
    const { what, policy, open } = this.#pull;
    for (let answer = first; ;) {
      const fault = yield* this.#pass(answer);
      if (fault === undefined) return;
      const isAhead = this.#reached - this.#mark >= leastProgress;
      this.#tries = isAhead ? 0 : this.#tries + 1;
      if (isAhead) this.#mark = this.#reached;
      if (this.#tries > policy.retries || this.#pull.closed.aborted) throw fault;
      await policy.waits.pause(what, fault, backOff(this.#tries, policy), this.#signal);
      answer = await open(this.#reached, this.#signal, isAhead ? undefined : answer);
    }
  }

  /** Passes the bytes of one answer on. Returns why it broke off; undefined when the blob is complete. */
  async *#pass(answer: BlobAnswer): AsyncGenerator<Buffer, PackferryError | undefined> {
    const { blob, to, what, signal, onServed } = this.#pull;
    onServed?.(answer.host);
    const name = `${what} from ${answer.host}`;
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        this.#reached += chunk.length;
        if (this.#reached > to) {
          throw sizeMismatch(name, blob.size, `at least ${this.#reached}`);
        }
        yield chunk;
      }
    } catch (fault) {
      if (signal?.aborted === true) throw interrupted(signal, what);
      if (fault instanceof PackferryError) throw fault;
      return connectionFault(fault, answer.url, what);
    }
    if (this.#reached === to) return undefined;
    // A proxy may pass off a broken answer as a whole one. Twice at the same byte, and it is the blob that ends there.
    if (this.#ended === this.#reached) throw sizeMismatch(name, blob.size, String(this.#reached));
    this.#ended = this.#reached;
    const message = `${what}: ${answer.host} sends ${this.#reached} of ${to} bytes`;
    return new PackferryError('E_SOURCE_UNREACHABLE', message);
  }
}
