/**
 * Lets a controller abort when a signal does, with its reason, until what is returned is called. For signals that outlive
 * what hangs on them: `AbortSignal.any` leaves weak references there, which only a full garbage collection clears, and
 * which keep all that they lead to until then.
 */
export function abortWith(controller: AbortController, signal: AbortSignal): () => void {
  const abort = (): void => {
    controller.abort(signal.reason);
  };
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  return () => {
    signal.removeEventListener('abort', abort);
  };
}

/** Calls `act` once when a signal aborts, until what is returned is called. One that has aborted before is nobody's here. */
export function onceAborted(signal: AbortSignal | undefined, act: () => void): () => void {
  signal?.addEventListener('abort', act, { once: true });
  return () => signal?.removeEventListener('abort', act);
}
