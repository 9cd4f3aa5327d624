import type { IncomingMessage } from 'node:http';
import { emitArchive } from '../archive/emit.ts';
import type { ArchivePlan } from '../archive/plan.ts';
import { collect } from '../core/collect.ts';
import type { Digest } from '../core/digest.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import type { DeliverOptions, ImageSource } from '../core/ports.ts';
import type { DockerApi } from './docker-api.ts';
import { wordsOf } from './docker-ask.ts';
import { denied, engineFault } from './engine-fault.ts';
import { loadFailed, readLoadAnswer } from './load-answer.ts';
import { watchIdle } from './patience.ts';

export interface LoadOptions extends DeliverOptions {
  /** Milliseconds in which the engine neither takes a byte nor says anything, after which the load has failed. */
  readonly loadIdle: number;
  /** See `EmitOptions`. */
  readonly promised: ReadonlyMap<Digest, readonly Digest[]>;
}

/**
 * Streams a planned archive with one image into `POST /images/load` and reads the answer. The archive ends with its commit record, which is
 * not sent before every blob has matched its digest: whatever fails earlier destroys the connection, and the engine
 * keeps nothing. What is thrown is the first cause: the abort reason, the fault of the source, or `E_LOAD_FAILED`, `E_TARGET_FULL`,
 * `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED`, `E_ENGINE_PROTOCOL` naming the image.
 */
export async function loadImage(
  api: DockerApi,
  image: LockedImage,
  plan: ArchivePlan,
  source: ImageSource,
  options: LoadOptions,
): Promise<void> {
  const { signal, onBytes, loadIdle, promised } = options;
  const ended = new AbortController();
  const idle = watchIdle(loadIdle);
  const archive = emitArchive(plan, {
    openBlob: (blob, unwanted) => source.openBlob(image, blob, { signal: unwanted }),
    name: image.reference,
    promised,
    ...(signal === undefined ? {} : { signal }),
    onBytes: (bytes) => {
      idle.alive();
      onBytes?.(bytes);
    },
  });
  // Without a listener a fault would end the process; it is read from `errored` below.
  archive.on('error', () => undefined);
  try {
    // quiet=0: the answer then has lines from the start of unpacking on, and not only at its end.
    const request = { method: 'POST', path: '/images/load', query: { quiet: '0' } } as const;
    const stop = AbortSignal.any([ended.signal, idle.signal, ...(signal === undefined ? [] : [signal])]);
    const answer = await api.send({ ...request, body: archive, signal: stop });
    await readAnswer(answer, image, idle.alive);
  } catch (fault) {
    signal?.throwIfAborted();
    if (idle.signal.aborted) throw hangs(api, image, loadIdle);
    throw archive.errored ?? connectionFault(fault, api, image);
  } finally {
    idle.stop();
    // Closes what is still open on both sides: the connection, and the blob that was being read.
    ended.abort();
    archive.destroy();
  }
}

async function readAnswer(answer: IncomingMessage, image: LockedImage, onLine: () => void): Promise<void> {
  onLine();
  if (answer.statusCode === 200) {
    await readLoadAnswer(answer, image.reference, onLine);
    return;
  }
  const words = wordsOf(await collect(answer, limits.errorBody, `${image.reference}: the engine's answer`));
  const { statusCode } = answer;
  if (statusCode === 401 || statusCode === 403) throw denied(image.reference, `the engine said: ${words}`);
  throw loadFailed(image.reference, words);
}

function hangs(api: DockerApi, image: LockedImage, milliseconds: number): PackferryError {
  const what = `${image.reference}: ${api.name}: for ${milliseconds / 1000} s the load went neither forward nor back`;
  return new PackferryError('E_LOAD_FAILED', what, {
    hint: 'The engine hangs, or its disk does: look into its log, restart it, then run again.',
  });
}

function connectionFault(fault: unknown, api: DockerApi, image: LockedImage): PackferryError {
  const what = `${image.reference}: ${api.name}`;
  const code = systemCodeOf(fault);
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return engineFault(fault, what);
  return new PackferryError(
    'E_LOAD_FAILED',
    `${what}: the engine broke off the connection: ${messageOf(fault)}`,
    {
      hint: "Look into the engine's log (was it stopped, is its disk full?), then run again.",
      cause: fault,
    },
  );
}
