import { pipeline } from 'node:stream/promises';
import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { plainWords } from '../../core/plain-words.ts';
import type { HostConnection, RemoteExit } from '../../ssh/host-connection.ts';
import { saysFull } from '../engine-words.ts';

/** A script that ended with another status than 0. */
export class ScriptFailed extends Error {
  override readonly name = 'ScriptFailed';
  readonly exit: RemoteExit;

  constructor(exit: RemoteExit) {
    super(`status ${exit.status ?? 'unknown'}: ${plainWords(exit.stderr)}`);
    this.exit = exit;
  }
}

export interface ScriptOptions {
  /** Fed to it; nothing when absent. */
  readonly input?: Iterable<Buffer>;
  readonly signal?: AbortSignal;
  /** Called with every piece of what it prints. */
  readonly onOutput?: () => void;
}

/**
 * Runs a constant script on the far machine and returns what it printed, at most `limits.stagedList` bytes. Throws
 * `ScriptFailed`, the abort reason, what `exec` throws, `E_LIMIT_EXCEEDED`.
 */
export async function runScript(
  connection: HostConnection,
  script: string,
  args: readonly string[],
  { input = [], signal, onOutput }: ScriptOptions = {},
): Promise<string> {
  signal?.throwIfAborted();
  const chunks: Buffer[] = [];
  let length = 0;
  const stream = await connection.exec(['sh', '-c', script, 'sh', ...args], (exit) =>
    exit.status === 0 ? undefined : new ScriptFailed(exit),
  );
  const take = async (output: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of output) {
      onOutput?.();
      length += chunk.length;
      if (length > limits.stagedList) throw tooLong(connection);
      chunks.push(chunk);
    }
  };
  try {
    await pipeline(input, stream, take, signal === undefined ? {} : { signal });
  } catch (fault) {
    signal?.throwIfAborted();
    throw fault;
  } finally {
    stream.destroy();
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLong({ name }: HostConnection): PackferryError {
  return new PackferryError('E_LIMIT_EXCEEDED', `${name}: a command there says more than it may`, {
    hint: 'Look into the folder for staging there, and remove what packferry has not put into it.',
  });
}

/** The error for a script that failed; `what` names the host and what was to be done. */
export function scriptFault(fault: unknown, what: string): unknown {
  if (!(fault instanceof ScriptFailed)) return fault;
  const { exit } = fault;
  const words = plainWords(exit.stderr);
  if (saysFull(exit.stderr)) {
    return new PackferryError('E_TARGET_FULL', `${what}: ${words}`, {
      hint: 'Free space there, or stage on another disk: --stage-dir DIR. Then run again.',
      cause: fault,
    });
  }
  const how = exit.status === undefined ? 'it was ended by a signal' : `status ${exit.status}`;
  return new PackferryError('E_TARGET_UNWRITABLE', `${what}: ${how}: ${words}`, {
    hint: 'Staging needs a shell there, the usual commands, and a folder that this user may write: --stage-dir DIR.',
    cause: fault,
  });
}
