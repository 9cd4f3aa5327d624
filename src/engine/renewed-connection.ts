import type { EngineConnection } from './connect-engine.ts';
import { PackferryError } from '../core/errors.ts';
import type { RunningCommand } from '../core/running-command.ts';
import type { StreamConnection } from './docker-connection.ts';

/**
 * A connection over SSH that is made anew, once, when something is asked for after it was lost. Whoever was in the middle of
 * something hears of the loss.
 */
export function renewed(
  first: StreamConnection,
  open: () => Promise<EngineConnection>,
  onRenewed: () => void,
): StreamConnection;
export function renewed(
  first: EngineConnection,
  open: () => Promise<EngineConnection>,
  onRenewed: () => void,
): EngineConnection;
export function renewed(
  first: EngineConnection,
  open: () => Promise<EngineConnection>,
  onRenewed: () => void,
): EngineConnection {
  let current = first;
  let isClosed = false;
  let renewing: Promise<void> | undefined;

  const renew = async (lost: EngineConnection): Promise<void> => {
    closeOne(lost);
    const made = await open();
    // Closed meanwhile, by an interruption.
    if (isClosed) closeOne(made);
    current = made;
    onRenewed();
  };
  const using = async <T>(ask: (connection: EngineConnection) => Promise<T>): Promise<T> => {
    const tried = current;
    try {
      return await ask(tried);
    } catch (fault) {
      if (isClosed || !(fault instanceof PackferryError) || fault.code !== 'E_SSH_UNREACHABLE') throw fault;
      // Several may ask at the same time, and somebody else may have renewed it since.
      if (current === tried) renewing ??= renew(tried).finally(() => (renewing = undefined));
      await renewing;
      return ask(current);
    }
  };
  const close = (): void => {
    isClosed = true;
    closeOne(current);
  };
  const freeIn = async (folder: string): Promise<number | undefined> =>
    using(async (one) => {
      return one.kind === 'stream' || one.kind === 'command' ? one.freeIn?.(folder) : undefined;
    });
  if (first.kind === 'stream') {
    const connect = (): ReturnType<typeof first.connect> =>
      using(async (one) => (one.kind === 'stream' ? one.connect() : Promise.reject(otherWay(first))));
    return { ...first, isRemote: true, connect, close, freeIn };
  }
  if (first.kind === 'command' && first.startThere !== undefined) {
    return {
      ...first,
      startThere: (argv): Promise<RunningCommand> =>
        using(async (one) => {
          const start = one.kind === 'command' ? one.startThere : undefined;
          return start === undefined ? Promise.reject(otherWay(first)) : start(argv);
        }),
      close,
      freeIn,
    };
  }
  return first;
}

function closeOne(connection: EngineConnection): void {
  if (connection.kind === 'stream' || connection.kind === 'command') connection.close?.();
}

/** The engine is reached by one way from the beginning to the end. */
function otherWay({ name }: EngineConnection): PackferryError {
  const message = `${name}: the connection was made anew, but the engine is not reached as before there`;
  return new PackferryError('E_ENGINE_UNREACHABLE', message, {
    hint: 'Run the same command again: what is there already is not sent twice.',
  });
}
