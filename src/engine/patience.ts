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
  /** Stands still until this has ended, since it is somebody else who is waited for; then the wait starts anew. */
  readonly during: <T>(work: Promise<T>) => Promise<T>;
  /** Ends the watch, whether it fired or not. */
  readonly stop: () => void;
}

/** Starts to watch. */
export function watchIdle(milliseconds: number): IdleWatch {
  const controller = new AbortController();
  const begin = (): NodeJS.Timeout => setTimeout(() => controller.abort(), milliseconds);
  let timer: NodeJS.Timeout | undefined = begin();
  let isStopped = false;
  return {
    signal: controller.signal,
    alive: () => {
      // Refreshing a timer that has fired would start it again.
      if (!controller.signal.aborted) timer?.refresh();
    },
    during: async (work) => {
      clearTimeout(timer);
      timer = undefined;
      try {
        return await work;
      } finally {
        if (!isStopped && !controller.signal.aborted) timer = begin();
      }
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
