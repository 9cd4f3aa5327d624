import type { Duplex } from 'node:stream';
import { JoinedStream } from '../core/joined-stream.ts';
import { limits } from '../core/limits.ts';
import { wordsFrom } from '../core/running-command.ts';
import { commandFailed, notStarted, startCommand, type EngineCommand } from './command.ts';

/**
 * A connection that is the input and output of a command, such as `docker system dial-stdio`, which hands Docker's API
 * through: the command finds the engine by its context, speaks TLS where that says so, and sudo may stand before it. A
 * command that fails breaks the connection with its own words. Closing the connection ends the command.
 */
export async function openCommandStream(command: EngineCommand, args: readonly string[]): Promise<Duplex> {
  const { stdin, stdout, stderr, ended, stop } = await startCommand(command, args);
  const stream = new JoinedStream(stdin, stdout, stop);
  const said = wordsFrom(stderr, limits.errorBody);
  ended.then(
    async (ending) => {
      if (ending === 0) stream.finish();
      else stream.finish(commandFailed(command.name, [...command.argv, ...args], ending, await said));
    },
    (fault: unknown) => stream.finish(notStarted(command, fault)),
  );
  return asSocket(stream);
}

/** What Node's HTTP client calls of a socket and other streams do not have. */
export function asSocket(stream: Duplex): Duplex {
  const same = (): Duplex => stream;
  return Object.assign(stream, {
    ...{ setKeepAlive: same, setNoDelay: same, setTimeout: same, ref: same, unref: same },
    destroySoon: () => stream.destroy(),
  });
}
