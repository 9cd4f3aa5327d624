import { Worker } from 'node:worker_threads';
import { hashThreadProgram } from './hash-thread-program.ts';
import type { BytesRequest, HashAnswer, HashRequest } from './hash-thread-worker.ts';

/** The sha256 of a stretch of a file that grows from its start on. */
export interface GrowingHash {
  /** The stretch is final up to this byte, counted from its start. Returns at once. */
  reach(to: number): void;
  /** Waits until all that was reached is hashed. */
  caughtUp(): Promise<void>;
  /** sha256 in hex of all that was reached. Ends the hash. */
  digest(): Promise<string>;
}

/** The sha256 of bytes that are handed over. */
export interface BytesHash {
  /**
   * Resolves when the thread has hashed them. They are its own from now on, unless other bytes lie in the same memory: then
   * it gets a copy. In a `SharedArrayBuffer` they are lent to it, and may not change before.
   */
  update(bytes: Buffer): Promise<void>;
  /** sha256 in hex of all bytes. Ends the hash. */
  digest(): Promise<string>;
}

interface Waiting {
  readonly resolve: (hex: string) => void;
  readonly reject: (fault: Error) => void;
}

/** Bytes that are worth a message. */
const sendEvery = 1024 * 1024;

/**
 * A thread that hashes files while others fill them. What was written a moment ago is still in the memory of the
 * operating system, so that reading it back costs a tenth of hashing it, and the thread that fetches does neither.
 */
export class HashThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;
  #fault: Error | undefined;

  constructor() {
    const { source, isText } = hashThreadProgram;
    this.#worker = new Worker(source, {
      name: 'hash',
      eval: isText,
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    });
    this.#worker.on('message', (answer: HashAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('fault' in answer) waiting?.reject(answer.fault);
      else waiting?.resolve('hex' in answer ? answer.hex : '');
    });
    this.#worker.on('error', (fault: Error) => {
      this.#end(fault);
    });
    this.#worker.on('exit', () => {
      this.#end(new Error('the thread that hashes has ended'));
    });
    // An export that has failed is not kept alive by it.
    this.#worker.unref();
  }

  /**
   * Starts the hash of what stands in a file from a byte on. The descriptor must stay open until `digest` has answered or
   * the thread is closed. Where several have to wait, one with a lower `rank` is worked on first.
   */
  file(
    fd: number,
    { from = 0, rank = 0 }: { readonly from?: number; readonly rank?: number } = {},
  ): GrowingHash {
    const id = (this.#ids += 1);
    let to = from;
    let sent = from;
    const ask = (answer: NonNullable<HashRequest['answer']>): Promise<string> => {
      sent = to;
      return this.#ask({ id, fd, from, to, rank, answer });
    };
    return {
      reach: (length) => {
        to = from + length;
        if (to - sent < sendEvery) return;
        sent = to;
        this.#worker.postMessage({ id, fd, from, to, rank } satisfies HashRequest);
      },
      caughtUp: async () => {
        await ask('reached');
      },
      digest: () => ask('digest'),
    };
  }

  /** Starts the hash of bytes that are handed over. */
  bytes(): BytesHash {
    const stream = (this.#ids += 1);
    return {
      update: async (bytes) => {
        const id = (this.#ids += 1);
        if (bytes.buffer instanceof SharedArrayBuffer) {
          await this.#ask({ id, stream, bytes });
          return;
        }
        const own = bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
        await this.#ask({ id, stream, bytes: own }, [own.buffer as ArrayBuffer]);
      },
      digest: () => this.#ask({ id: (this.#ids += 1), stream }),
    };
  }

  /** Throws what the thread has died of, or that it was ended. */
  throwIfEnded(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Ends the thread, whatever it is doing; it reads no file any more. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(request: HashRequest | BytesRequest, handed: readonly ArrayBuffer[] = []): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) {
        reject(this.#fault);
        return;
      }
      this.#waiting.set(request.id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(request, handed);
    });
  }

  #end(fault: Error): void {
    this.#fault ??= fault;
    for (const { reject } of this.#waiting.values()) reject(fault);
    this.#waiting.clear();
  }
}
