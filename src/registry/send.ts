import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

/** An answer as undici gives it. Whoever gets one must read or destroy `body`. */
export interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
}

/** Why the body of an answer ended before its time: nobody wanted it any more. */
class Unwanted extends Error {
  override readonly name = 'Unwanted';
}

/**
 * Sends a request; the answer is there as soon as its head is. Like undici's own `request`, but the body is a plain
 * stream, of which every chunk goes straight to whoever listens. When `signal` aborts, also later, the connection is cut.
 */
export async function send(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  signal: AbortSignal | undefined,
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    let connection: Dispatcher.DispatchController | undefined;
    let body: Body | undefined;
    const stop = (): void => {
      const reason = reasonOf(signal);
      if (body === undefined) connection?.abort(reason);
      else body.destroy(reason);
    };
    const end = (): void => {
      signal?.removeEventListener('abort', stop);
    };
    signal?.addEventListener('abort', stop);
    dispatcher.dispatch(request, {
      onRequestStart(controller) {
        connection = controller;
        if (signal?.aborted === true) stop();
      },
      onResponseStart(controller, status, headers) {
        // What comes before the answer, as "early hints" do.
        if (status < 200) return;
        body = new Body(controller);
        body.once('close', end);
        resolve({ status, headers, body });
      },
      onResponseData(_controller, chunk) {
        body?.give(chunk);
      },
      onResponseEnd() {
        body?.finish();
      },
      onResponseError(_controller, fault) {
        end();
        if (body === undefined) reject(fault);
        else body.destroy(fault);
      },
    });
  });
}

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('stopped', { cause: reason });
}

/** The body of an answer. The connection is held back while nobody reads, and cut when the body is destroyed. */
class Body extends Readable {
  readonly #connection: Dispatcher.DispatchController;
  #isComplete = false;

  constructor(connection: Dispatcher.DispatchController) {
    super();
    this.#connection = connection;
    // It may break before anybody reads it. Whoever does still meets the fault.
    this.on('error', () => undefined);
  }

  give(chunk: Buffer): void {
    if (!this.push(chunk)) this.#connection.pause();
  }

  finish(): void {
    this.#isComplete = true;
    this.push(null);
  }

  override _read(): void {
    this.#connection.resume();
  }

  override _destroy(fault: Error | null, done: (fault?: Error | null) => void): void {
    if (!this.#isComplete) this.#connection.abort(fault ?? new Unwanted('the answer is not wanted any more'));
    done(fault);
  }
}
