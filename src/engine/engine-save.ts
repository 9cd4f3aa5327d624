import { receiveSave, type ReceivedSave } from '../archive/save/receive-save.ts';
import type { Spool } from '../archive/save/spool.ts';
import type { Digest } from '../core/digest.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import { engineFault } from './engine-fault.ts';

export interface SaveOptions {
  /** The image's reference, for messages. */
  readonly image: string;
  /** Milliseconds in which no byte comes, after which the save has failed. */
  readonly saveIdle: number;
  readonly signal: AbortSignal | undefined;
  /** Bytes that have come so far. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * The bytes of the save of one image, by its ID: so nobody can put another image under the name meanwhile. The save begins
 * with the first byte that is asked for. Only time in which the engine is waited for counts against `saveIdle`. Errors: the
 * abort reason; `E_IMAGE_NOT_FOUND` when it is gone; `E_ENGINE_UNREACHABLE` for a connection that breaks or stands still;
 * `E_ENGINE_DENIED`, `E_ENGINE_PROTOCOL`.
 */
export async function* saveStream(
  engine: Engine,
  id: Digest,
  { image, saveIdle, signal, onBytes }: SaveOptions,
): AsyncGenerator<Buffer> {
  const name = `${image}: ${engine.name}`;
  const idle = new AbortController();
  const ended = new AbortController();
  const stop = AbortSignal.any([ended.signal, idle.signal, ...(signal === undefined ? [] : [signal])]);
  const waitFor = async <T>(work: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => idle.abort(), saveIdle);
    try {
      return await work;
    } catch (fault) {
      signal?.throwIfAborted();
      if (idle.signal.aborted) throw standsStill(name, saveIdle);
      throw connectionFault(fault, name);
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    const answer = await waitFor(engine.save(id, image, stop));
    const chunks = answer[Symbol.asyncIterator]();
    let bytes = 0;
    for (let step = await waitFor(chunks.next()); !step.done; step = await waitFor(chunks.next())) {
      bytes += step.value.length;
      onBytes?.(bytes);
      yield step.value;
    }
  } finally {
    // Closes the connection when reading ended early.
    ended.abort();
  }
}

/** Has an engine save one image into the spool. Errors: those of `saveStream` and `receiveSave`. */
export function saveImage(
  engine: Engine,
  id: Digest,
  spool: Spool,
  options: SaveOptions,
): Promise<ReceivedSave> {
  const { image, signal } = options;
  return receiveSave(saveStream(engine, id, options), spool, {
    name: `${image}: ${engine.name}`,
    ...(signal === undefined ? {} : { signal }),
  });
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
