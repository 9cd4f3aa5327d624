import { finished, Readable } from 'node:stream';
import { asPackferryError, PackferryError } from '../core/errors.ts';
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

/** Why requests are stopped when the reader has gone or has all. Made once: one for every blob would be costly. */
const enough = new Error('no more of it is wanted');

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
  return new ResumingBlob(pull, await pull.open(pull.from, signal), stop, signal);
}

class ResumingBlob extends Readable {
  readonly #pull: BlobPull;
  readonly #stop: AbortController;
  readonly #signal: AbortSignal;
  /** The body that is being read. */
  #body: Readable | undefined;
  #reached: number;
  /** Where the tries were last counted from. */
  #mark: number;
  #tries = 0;
  /** Where an answer came to its end although the blob is not complete. */
  #ended: number | undefined;

  constructor(pull: BlobPull, first: BlobAnswer, stop: AbortController, signal: AbortSignal) {
    super();
    this.#pull = pull;
    this.#stop = stop;
    this.#signal = signal;
    this.#reached = this.#mark = pull.from;
    // A fault before the caller listens must not end the process; whoever reads later still meets it.
    this.on('error', () => undefined);
    this.#read(first);
  }

  override _read(): void {
    this.#body?.resume();
  }

  /** A reader that goes away cuts the connection, also one that is silent. */
  override _destroy(fault: Error | null, done: (fault?: Error | null) => void): void {
    this.#stop.abort(enough);
    this.#body?.destroy();
    done(fault);
  }

  #read(answer: BlobAnswer): void {
    const { body, host } = answer;
    this.#body = body;
    this.#pull.onServed?.(host);
    finished(body, { writable: false }, (fault) => {
      this.#goOn(answer, fault).catch((why: unknown) => {
        this.destroy(asPackferryError(why));
      });
    });
    body.on('data', (chunk: Buffer) => {
      this.#pass(chunk, answer);
    });
  }

  #pass(chunk: Buffer, { body, host }: BlobAnswer): void {
    const { blob, to, what } = this.#pull;
    this.#reached += chunk.length;
    if (this.#reached > to) {
      this.destroy(sizeMismatch(`${what} from ${host}`, blob.size, `at least ${this.#reached}`));
    } else if (!this.push(chunk)) body.pause();
  }

  /** An answer has ended: so does the blob when it is complete, else it is asked for once more. */
  async #goOn(answer: BlobAnswer, broken: unknown): Promise<void> {
    if (this.destroyed) return;
    const fault = this.#faultOf(answer, broken);
    if (fault === undefined) {
      this.push(null);
      return;
    }
    const { what, policy, open, closed } = this.#pull;
    const isAhead = this.#reached - this.#mark >= leastProgress;
    this.#tries = isAhead ? 0 : this.#tries + 1;
    if (isAhead) this.#mark = this.#reached;
    if (this.#tries > policy.retries || closed.aborted) throw fault;
    await policy.waits.pause(what, fault, backOff(this.#tries, policy), this.#signal);
    const next = await open(this.#reached, this.#signal, isAhead ? undefined : answer);
    // Whoever went away meanwhile has aborted the request, and with it the body.
    this.#read(next);
  }

  /** Why an answer broke off; undefined when the blob is complete. Throws what trying again does not help with. */
  #faultOf(answer: BlobAnswer, broken: unknown): PackferryError | undefined {
    const { blob, to, what, signal } = this.#pull;
    if (broken !== undefined && broken !== null) {
      if (signal?.aborted === true) throw interrupted(signal, what);
      if (broken instanceof PackferryError) throw broken;
      return connectionFault(broken, answer.url, what);
    }
    if (this.#reached === to) return undefined;
    // A proxy may pass off a broken answer as a whole one. Twice at the same byte, and it is the blob that ends there.
    if (this.#ended === this.#reached) {
      throw sizeMismatch(`${what} from ${answer.host}`, blob.size, String(this.#reached));
    }
    this.#ended = this.#reached;
    const message = `${what}: ${answer.host} sends ${this.#reached} of ${to} bytes`;
    return new PackferryError('E_SOURCE_UNREACHABLE', message, {
      hint: 'Run the same command again: what was fetched is kept. If it stays like this, name a mirror.',
    });
  }
}
