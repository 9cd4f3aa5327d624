import type { Readable } from 'node:stream';
import { emitArchive } from '../archive/emit.ts';
import type { ArchivePlan } from '../archive/plan.ts';
import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { DeliverOptions, ImageSource } from '../core/ports.ts';
import type { Engine } from './engine.ts';
import { watchIdle, type IdleWatch } from './patience.ts';

export interface LoadOptions extends DeliverOptions {
  /** Milliseconds in which the engine neither takes a byte nor says anything, after which the load has failed. */
  readonly loadIdle: number;
  /** See `EmitOptions`. */
  readonly promised: ReadonlyMap<Digest, readonly Digest[]>;
}

/**
 * Streams a planned archive with one image into an engine. The archive ends with its commit record, which is not sent
 * before every blob has matched its digest: whatever fails earlier ends the load, and the engine keeps nothing. What is
 * thrown is the first cause: the abort reason, the fault of the source, or `E_LOAD_FAILED`, `E_ENGINE_UNREACHABLE`,
 * `E_ENGINE_DENIED`, `E_ENGINE_PROTOCOL` naming the image.
 */
export function loadImage(
  engine: Engine,
  image: LockedImage,
  plan: ArchivePlan,
  source: ImageSource,
  options: LoadOptions,
): Promise<void> {
  const { signal, onBytes, promised, onto } = options;
  const open = ({ alive, during }: IdleWatch): Readable =>
    emitArchive(plan, {
      openBlob: (blob, unwanted) => source.openBlob(image, blob, { signal: unwanted }),
      name: image.reference,
      promised,
      // Such a source may wait for other targets, which is no fault of the engine.
      ...(source.placeOf === undefined ? {} : { during }),
      ...(onto === undefined ? {} : { beforeCommit: () => during(onto.wait()) }),
      ...(signal === undefined ? {} : { signal }),
      onBytes: (bytes) => {
        alive();
        onBytes?.(bytes);
      },
    });
  return loadArchive(engine, image, open, options);
}

/** Streams the archive into an engine that `open` gives; it tells the watch whenever it goes on. Throws as `loadImage` does. */
export async function loadArchive(
  engine: Engine,
  image: LockedImage,
  open: (idle: IdleWatch) => Readable,
  { signal, loadIdle }: Pick<LoadOptions, 'signal' | 'loadIdle'>,
): Promise<void> {
  const ended = new AbortController();
  const idle = watchIdle(loadIdle);
  const archive = open(idle);
  // Without a listener a fault would end the process; it is read from `errored` below.
  archive.on('error', () => undefined);
  try {
    const stop = AbortSignal.any([ended.signal, idle.signal, ...(signal === undefined ? [] : [signal])]);
    await engine.load(archive, { image: image.reference, signal: stop, onAnswer: idle.alive });
  } catch (fault) {
    signal?.throwIfAborted();
    if (idle.signal.aborted) throw hangs(engine, image, loadIdle);
    throw archive.errored ?? fault;
  } finally {
    idle.stop();
    // Closes what is still open on both sides: the connection, and what was being read.
    ended.abort();
    archive.destroy();
  }
}

function hangs(engine: Engine, image: LockedImage, milliseconds: number): PackferryError {
  const what = `${image.reference}: ${engine.name}: for ${milliseconds / 1000} s the load went neither forward nor back`;
  return new PackferryError('E_LOAD_FAILED', what, {
    hint: 'The engine hangs, or its disk does: look into its log, restart it, then run again.',
  });
}
