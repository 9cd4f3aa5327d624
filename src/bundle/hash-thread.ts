import { Worker } from 'node:worker_threads';
import { hashThreadProgram } from './hash-thread-program.ts';
import type { HashAnswer, HashRequest } from './hash-thread-worker.ts';

/** The sha256 of one file that grows from its start on. */
export interface GrowingHash {
  /** The file is final up to this byte. Returns at once. */
  reach(to: number): void;
  /** sha256 in hex of all that was reached. Ends the hash. */
  digest(): Promise<string>;
}

interface Waiting {
  readonly resolve: (hex: string) => void;
  readonly reject: (fault: Error) => void;
}

/**
 * A thread that hashes files while others fill them. What was written a moment ago is still in the memory of the
 * operating system, so that reading it back costs little, and the hashing no time of the thread that fetches.
 */
export class HashThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #files = 0;
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
      if ('hex' in answer) waiting?.resolve(answer.hex);
      else waiting?.reject(answer.fault);
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

  /** Starts the hash of a file, whose descriptor must stay open until `digest` has answered or the thread is closed. */
  file(fd: number): GrowingHash {
    const id = (this.#files += 1);
    return {
      reach: (to) => {
        this.#send({ id, fd, to });
      },
      digest: () =>
        new Promise((resolve, reject) => {
          if (this.#fault !== undefined) {
            reject(this.#fault);
            return;
          }
          this.#waiting.set(id, { resolve, reject });
          this.#worker.ref();
          this.#send({ id, ended: true });
        }),
    };
  }

  /** Ends the thread, whatever it is doing; it reads no file any more. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(request: HashRequest): void {
    this.#worker.postMessage(request);
  }

  #end(fault: Error): void {
    this.#fault ??= fault;
    for (const { reject } of this.#waiting.values()) reject(fault);
    this.#waiting.clear();
  }
}
