import { collect } from '../core/collect.ts';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { wordsFrom, type Ending } from '../core/running-command.ts';
import { commandFailed, notStarted, placeOf, startCommand, type EngineCommand } from './command.ts';

/** How a command ended, and what it said. */
export interface Finished {
  readonly ending: Ending;
  readonly said: string;
  readonly complaint: string;
}

/** Runs a command to its end. Throws the abort reason, `E_ENGINE_UNREACHABLE`, `E_LIMIT_EXCEEDED`. */
export async function finished(
  command: EngineCommand,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Finished> {
  signal?.throwIfAborted();
  const { stdin, stdout, stderr, ended, stop } = await startCommand(command, args);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    stdin.end();
    const what = `${command.name}: ${args[0] ?? ''}`;
    const [ending, said, complaint] = await Promise.all([
      ended,
      collect(stdout, limits.engineAnswer, what),
      wordsFrom(stderr, limits.errorBody),
    ]);
    return { ending, said: said.toString('utf8'), complaint };
  } catch (fault) {
    signal?.throwIfAborted();
    throw fault instanceof PackferryError ? fault : notStarted(command, fault);
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** The same for a command that has to succeed. */
export async function call(
  command: EngineCommand,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Finished> {
  const result = await finished(command, args, signal);
  if (result.ending === 0) return result;
  const { ending, complaint } = result;
  throw commandFailed(command.name, [...command.argv, ...args], ending, complaint, placeOf(command));
}
