import type { Duplex } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { StreamConnection } from './docker-connection.ts';

/**
 * A connection over SSH that is made anew, once, when something is asked for after it was lost. Whoever was in the middle of
 * something hears of the loss.
 */
export function renewed(
  first: StreamConnection,
  open: () => Promise<StreamConnection>,
  onRenewed: () => void,
): StreamConnection {
  let current = first;
  let isClosed = false;
  let renewing: Promise<void> | undefined;

  const renew = async (lost: StreamConnection): Promise<void> => {
    lost.close?.();
    const made = await open();
    // Closed meanwhile, by an interruption.
    if (isClosed) made.close?.();
    current = made;
    onRenewed();
  };
  const connect = async (): Promise<Duplex> => {
    const tried = current;
    try {
      return await tried.connect();
    } catch (fault) {
      if (isClosed || !(fault instanceof PackferryError) || fault.code !== 'E_SSH_UNREACHABLE') throw fault;
      // Several may ask at the same time, and somebody else may have renewed it since.
      if (current === tried) renewing ??= renew(tried).finally(() => (renewing = undefined));
      await renewing;
      return current.connect();
    }
  };
  return {
    ...first,
    isRemote: true,
    connect,
    close: () => {
      isClosed = true;
      current.close?.();
    },
  };
}
