import { PassThrough } from 'node:stream';
import { messageOf } from '../core/errors.ts';
import type { Ending, RunningCommand } from '../core/running-command.ts';
import type { HostConnection } from '../ssh/host-connection.ts';

/**
 * A command of another user starts in `/`, as here: rootless Podman does not start in a folder that its user may not enter,
 * and the home of the one who logs in mostly is such a folder.
 */
export function fromRoot(argv: readonly string[]): readonly string[] {
  return argv[0] === 'sudo' ? ['sh', '-c', 'cd / && exec "$@"', 'sh', ...argv] : argv;
}

/** Starts a command on another machine, as `startCommand` does here. Throws what `HostConnection.exec` throws. */
export async function startThere(
  connection: HostConnection,
  argv: readonly string[],
): Promise<RunningCommand> {
  const stderr = new PassThrough();
  let settle: (ending: Ending) => void = () => undefined;
  let fail: (fault: Error) => void = () => undefined;
  const ended = new Promise<Ending>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  // Whoever stops it may not wait for its end.
  ended.catch(() => undefined);
  const stream = await connection.exec(
    fromRoot(argv),
    ({ status }) => {
      stderr.end();
      settle(status ?? 'a signal');
      return undefined;
    },
    (words) => void stderr.write(words),
  );
  const lost = (fault?: Error): void => {
    stderr.destroy();
    fail(fault ?? new Error(`${argv.join(' ')} was stopped`));
  };
  stream.once('error', (fault) => lost(fault instanceof Error ? fault : new Error(messageOf(fault))));
  stream.once('close', () => lost());
  return { stdin: stream, stdout: stream, stderr, ended, stop: () => void stream.destroy() };
}
