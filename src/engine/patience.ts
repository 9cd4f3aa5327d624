import { noAnswer } from './engine-fault.ts';

/**
 * Does work that may take only so many milliseconds: then its signal fires, and what is thrown is
 * `E_ENGINE_UNREACHABLE`. `what` names the engine, and the image where there is one.
 */
export async function inTime<T>(
  what: string,
  milliseconds: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const patience = AbortSignal.timeout(milliseconds);
  try {
    return await work(signal === undefined ? patience : AbortSignal.any([signal, patience]));
  } catch (fault) {
    if (fault === patience.reason) throw noAnswer(what, milliseconds);
    throw fault;
  }
}

/** Fires when there has been no sign of life for a while. */
export interface IdleWatch {
  readonly signal: AbortSignal;
  /** Starts the wait anew, also one that was suspended. */
  readonly alive: () => void;
  /** It is somebody else who is waited for: does not fire before there is a sign of life. */
  readonly suspend: () => void;
  /** Ends the watch, whether it fired or not. */
  readonly stop: () => void;
}

/** Starts to watch. */
export function watchIdle(milliseconds: number): IdleWatch {
  const controller = new AbortController();
  let isSuspended = false;
  const timer = setTimeout(() => {
    if (!isSuspended) controller.abort();
  }, milliseconds);
  return {
    signal: controller.signal,
    alive: () => {
      isSuspended = false;
      // Refreshing a timer that has fired starts it again.
      if (!controller.signal.aborted) timer.refresh();
    },
    suspend: () => {
      isSuspended = true;
    },
    stop: () => clearTimeout(timer),
  };
}
