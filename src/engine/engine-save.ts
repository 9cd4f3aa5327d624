import { receiveSave, type ReceivedSave } from '../archive/save/receive-save.ts';
import type { Spool } from '../archive/save/spool.ts';
import type { Digest } from '../core/digest.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import { engineFault } from './engine-fault.ts';
import { watchIdle } from './patience.ts';

export interface SaveOptions {
  /** The image's reference, for messages. */
  readonly image: string;
  /** Milliseconds in which no byte comes, after which the save has failed. */
  readonly saveIdle: number;
  readonly signal: AbortSignal | undefined;
  /** Bytes that have come so far. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Has an engine save one image, by its ID, into the spool. By ID nobody can put another image under the name meanwhile.
 * Errors: the abort reason; `E_IMAGE_NOT_FOUND` when it is gone; `E_ENGINE_UNREACHABLE` for a connection that breaks
 * or stands still; `E_ENGINE_DENIED`, `E_ENGINE_PROTOCOL`; those of `receiveSave`.
 */
export async function saveImage(
  engine: Engine,
  id: Digest,
  spool: Spool,
  options: SaveOptions,
): Promise<ReceivedSave> {
  const { image, saveIdle, signal } = options;
  const name = `${image}: ${engine.name}`;
  const idle = watchIdle(saveIdle);
  const ended = new AbortController();
  const stop = AbortSignal.any([ended.signal, idle.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    const answer = await engine.save(id, image, stop);
    const content = counted(answer, (bytes) => {
      idle.alive();
      options.onBytes(bytes);
    });
    return await receiveSave(content, spool, { name, signal: stop });
  } catch (fault) {
    signal?.throwIfAborted();
    if (idle.signal.aborted) throw standsStill(name, saveIdle);
    throw connectionFault(fault, name);
  } finally {
    idle.stop();
    // Closes the connection when reading ended early.
    ended.abort();
  }
}

async function* counted(
  answer: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}

function standsStill(name: string, milliseconds: number): PackferryError {
  const what = `${name}: for ${milliseconds / 1000} s nothing came of the save`;
  return new PackferryError('E_ENGINE_UNREACHABLE', what, {
    hint: 'The engine hangs, or its disk does: look into its log, restart it, then run again.',
  });
}

function connectionFault(fault: unknown, name: string): unknown {
  const code = systemCodeOf(fault);
  // Those of the own disk are told as such.
  if (fault instanceof PackferryError) return fault;
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return engineFault(fault, name);
  return new PackferryError(
    'E_ENGINE_UNREACHABLE',
    `${name}: the engine broke off the connection: ${messageOf(fault)}`,
    { hint: "Look into the engine's log (was it stopped, is its disk full?), then run again.", cause: fault },
  );
}
