import type { Socket } from 'node:net';
import { HttpFault } from './http-fault.ts';

/**
 * Waits for what `begin` waits for, but only as long as the socket lives and `signal` lets it. The socket is destroyed
 * where nothing comes of it.
 */
export async function untilBroken(
  socket: Socket,
  signal: AbortSignal,
  begin: (resolve: () => void, reject: (fault: Error) => void) => void,
): Promise<void> {
  let close = (): void => undefined;
  let stop = (): void => undefined;
  let fail: (fault: Error) => void = () => undefined;
  const broken = new Promise<void>((resolve, reject) => {
    fail = reject;
    close = () => {
      reject(new HttpFault('HTTP_CLOSED', 'the connection was closed'));
    };
    stop = () => {
      reject(reasonOf(signal));
    };
    begin(resolve, reject);
  });
  socket.on('error', fail).on('close', close);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    await broken;
  } catch (fault) {
    // What it says from now on interests nobody.
    socket.on('error', () => undefined);
    socket.destroy();
    throw fault;
  } finally {
    socket.off('error', fail).off('close', close);
    signal.removeEventListener('abort', stop);
  }
}

/** Why a signal was aborted, as an error. */
export function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('stopped', { cause: reason });
}
