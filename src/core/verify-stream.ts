import { createHash } from 'node:crypto';
import { Transform, type TransformCallback, type Readable, pipeline } from 'node:stream';
import { PackferryError } from './errors.ts';
import type { Descriptor } from './image.ts';

export interface VerifyOptions {
  /** What is being read, for messages: names image and blob. */
  readonly name: string;
  /** Total bytes passed so far. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Passes bytes on while it counts and hashes them. A surplus byte stops the stream at once, a missing one or a wrong
 * digest stops it at the end; the consumer never sees a clean end of wrong content. Errors: `E_SIZE_MISMATCH`,
 * `E_DIGEST_MISMATCH`.
 */
export class VerifyStream extends Transform {
  readonly #expected: Pick<Descriptor, 'digest' | 'size'>;
  readonly #options: VerifyOptions;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  constructor(expected: Pick<Descriptor, 'digest' | 'size'>, options: VerifyOptions) {
    super();
    this.#expected = expected;
    this.#options = options;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#expected.size) {
      done(sizeMismatch(this.#options.name, this.#expected.size, `at least ${this.#bytes}`));
      return;
    }
    this.#hash.update(chunk);
    this.#options.onBytes?.(this.#bytes);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    if (this.#bytes !== this.#expected.size) {
      done(sizeMismatch(this.#options.name, this.#expected.size, String(this.#bytes)));
      return;
    }
    const got = `sha256:${this.#hash.digest('hex')}`;
    done(
      got === this.#expected.digest ? null : digestMismatch(this.#options.name, this.#expected.digest, got),
    );
  }
}

/** `stream` with its size and digest checked as it is read; both ends are destroyed on any fault. */
export function verified(
  stream: Readable,
  expected: Pick<Descriptor, 'digest' | 'size'>,
  options: VerifyOptions,
): Readable {
  // pipeline reports through the last stream; the callback only keeps it from throwing.
  return pipeline(stream, new VerifyStream(expected, options), () => undefined);
}

const hint =
  'What was read is not what its digest and size promise: fetch or copy it again. If that does not help, the source is damaged.';

/** The error for content of the wrong length. */
export function sizeMismatch(name: string, expected: number, got: string): PackferryError {
  return new PackferryError('E_SIZE_MISMATCH', `${name}: expected ${expected} bytes, got ${got}`, { hint });
}

/** The error for content with the wrong digest. */
export function digestMismatch(name: string, expected: string, got: string): PackferryError {
  return new PackferryError('E_DIGEST_MISMATCH', `${name}: expected ${expected}, got ${got}`, { hint });
}
