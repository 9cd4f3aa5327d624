import { PackferryError } from '../core/errors.ts';

/** The error for work that its caller has stopped: the caller's own reason when it gave one. */
export function interrupted(signal: AbortSignal, what: string): PackferryError {
  const reason: unknown = signal.reason;
  if (reason instanceof PackferryError) return reason;
  return new PackferryError('E_INTERRUPTED', `${what}: stopped`, { cause: reason });
}

/** Waits for `promise`, but no longer than until `signal` aborts. What comes after that is dropped. */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  what: string,
): Promise<T> {
  if (signal === undefined) return promise;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => {
      reject(interrupted(signal, what));
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
