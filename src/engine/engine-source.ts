import { addAbortSignal, type Readable } from 'node:stream';
import pLimit from 'p-limit';
import { keyedQueue } from '../archive/keyed-queue.ts';
import { findSaved } from '../archive/save/find-image.ts';
import { notAsLocked } from '../archive/save/saved-image.ts';
import { Spool } from '../archive/save/spool.ts';
import { moveToSpool, takeImage } from '../archive/save/take-image.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import { silent, type Emit } from '../core/events.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { formatPlatform, type Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource, UnpackedImages } from '../core/ports.ts';
import { formatReference, lockedNameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { formatSize } from '../core/size.ts';
import type { SpooledImage } from '../schema/spool.ts';
import { connectEngine, isRemote, type EngineConnection } from './connect-engine.ts';
import type { Engine } from './engine.ts';
import { askForImage, digestLost } from './engine-image.ts';
import { saveImage } from './engine-save.ts';
import { overBreaks } from './over-breaks.ts';
import { listNames } from './inspect-all.ts';
import type { Inspection } from './inspection.ts';
import { inTime } from './patience.ts';
import { sourceFault } from './source-fault.ts';
import { unpackedImages } from './unpacked-images.ts';

export interface EngineSourceOptions {
  /** A folder for what the engine's images became, shared with other engines; made when it is missing. */
  readonly spoolDir: string;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
  /** Milliseconds that the engine may take to say what it is. Default: 30 seconds. */
  readonly answerWithin?: number;
  /** Milliseconds that the engine may take to tell about an image. Default: 60 seconds. */
  readonly inspectWithin?: number;
  /** Milliseconds in which nothing comes of a save; Docker prepares long before its first byte. Default: 10 minutes. */
  readonly saveIdle?: number;
  /** How often a save is begun anew when the connection to another machine broke. Default: 5. */
  readonly retries?: number;
  /** Milliseconds before the first time; doubles each time, up to 30 seconds. Default: 1 second. */
  readonly retryDelay?: number;
}

/** Saves under way at the same time: each needs disk for the whole image, and compressing takes all cores anyway. */
const saves = 2;

/** Milliseconds that an engine may take to tell of all its images. */
const listWithin = 300_000;

/**
 * Opens a Docker or Podman engine as a source. Engines keep layers uncompressed, so to resolve an image is to have it
 * saved: strictly read, every digest checked, compressed into the spool. Images and layers that are there already are
 * not saved or compressed again. The image ID stays: what comes out is the image that the engine inspected, or nothing.
 *
 * Disk: that of `Spool`, with two saves at the same time at most. Memory: some MiB. Errors: `E_SOURCE_UNREACHABLE`,
 * `E_SOURCE_DENIED`, `E_SOURCE_PROTOCOL`.
 */
export async function openEngineSource(
  connection: EngineConnection,
  options: EngineSourceOptions,
): Promise<ImageSource> {
  const {
    answerWithin = 30_000,
    inspectWithin = 60_000,
    saveIdle = 600_000,
    retries = 5,
    retryDelay = 1000,
    emit = silent,
    signal,
  } = options;
  const spool = await Spool.open(options.spoolDir);
  try {
    const engine = await connectEngine(connection, answerWithin, signal);
    const isFar = isRemote(connection);
    const settings = { inspectWithin, saveIdle, retries: isFar ? retries : 0, retryDelay, emit };
    return new EngineSource(engine, spool, { ...settings, isRemote: isFar });
  } catch (fault) {
    throw sourceFault(fault);
  }
}

interface Settings extends Required<
  Pick<EngineSourceOptions, 'inspectWithin' | 'saveIdle' | 'retries' | 'retryDelay' | 'emit'>
> {
  readonly isRemote: boolean;
}

class EngineSource implements ImageSource {
  readonly name: string;
  readonly unpacked?: UnpackedImages;
  readonly #engine: Engine;
  readonly #spool: Spool;
  readonly #settings: Settings;
  readonly #limit = pLimit(saves);
  readonly #inTurn = keyedQueue();

  constructor(engine: Engine, spool: Spool, settings: Settings) {
    this.name = engine.name;
    this.#engine = engine;
    this.#spool = spool;
    this.#settings = settings;
    if (engine.facts.idOf === 'config') this.unpacked = unpackedImages(engine, settings);
  }

  async resolve(reference: ImageReference, platform: Platform, signal?: AbortSignal): Promise<LockedImage> {
    try {
      const what = `${formatReference(reference)}: ${this.name}`;
      const { inspectWithin } = this.#settings;
      const held = await inTime(what, inspectWithin, signal, (both) =>
        askForImage(this.#engine, reference, platform, both),
      );
      // Names of the same image wait for one save of it.
      const known = await this.#inTurn(`${held.id} ${formatPlatform(platform)}`, () =>
        this.#take(held, reference, platform, signal),
      );
      if (reference.digest !== undefined && !stands(reference.digest, held, known)) {
        throw digestLost(what);
      }
      const { manifest, config, layers } = known;
      const locked = { manifest, config, layers, platform: known.platform };
      return { reference: lockedNameOf(reference), ...locked, source: this.name };
    } catch (fault) {
      signal?.throwIfAborted();
      throw sourceFault(fault);
    }
  }

  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const { from = 0, signal } = options;
    if (!(await this.#spool.has(blob, signal))) {
      // Another machine made the lock, or the spool was emptied since.
      await this.resolve(parseReference(image.reference), image.platform, signal);
      if (!(await this.#spool.has(blob, signal))) throw notAsLocked(image, blob, this.name);
    }
    const opened = this.#spool.read(blob, from);
    return signal === undefined ? opened : addAbortSignal(signal, opened);
  }

  /** All names that it has. */
  async listImages(): Promise<readonly ImageReference[]> {
    try {
      const named = await inTime(this.name, listWithin, undefined, (signal) =>
        listNames(this.#engine, signal),
      );
      return named.map(({ reference }) => parseReference(reference));
    } catch (fault) {
      throw sourceFault(fault);
    }
  }

  close(): Promise<void> {
    this.#engine.close();
    return Promise.resolve();
  }

  async #take(
    held: HeldImage,
    reference: ImageReference,
    platform: Platform,
    signal: AbortSignal | undefined,
  ): Promise<SpooledImage> {
    const known = await this.#spool.image(held.id, platform, signal);
    if (known !== undefined) return known;
    const image = await this.#limit(() => this.#save(held, reference, platform, signal));
    await this.#spool.nameImage(held.id, platform, image);
    return image;
  }

  async #save(
    { id, inspection }: HeldImage,
    reference: ImageReference,
    platform: Platform,
    signal: AbortSignal | undefined,
  ): Promise<SpooledImage> {
    signal?.throwIfAborted();
    const { emit, saveIdle, retries, retryDelay } = this.#settings;
    const item = formatReference(reference);
    const bytes = inspection.Size ?? 0;
    const size = bytes > 0 ? ` (${formatSize(bytes)})` : '';
    emit({ type: 'note', level: 'info', message: `${item}: saving${size} from ${this.name}` });
    const again = { name: this.name, retries, retryDelay, emit, signal };
    const save = await overBreaks(again, () => {
      emit({ type: 'started', task: 'resolve', item, ...(bytes > 0 ? { bytes } : {}) });
      return saveImage(this.#engine, id, this.#spool, {
        image: item,
        saveIdle,
        signal,
        onBytes: (sent) => emit({ type: 'progress', task: 'resolve', item, bytes: sent }),
      });
    });
    try {
      const saved = findSaved(
        save.name,
        save.contents,
        { id, idOf: this.#engine.facts.idOf, reference },
        platform,
      );
      const taken = await takeImage(save, saved, this.#spool, signal);
      await moveToSpool(save, taken, this.#spool, signal);
      return taken;
    } finally {
      await save.close();
    }
  }
}

/** An image as the engine told of it. */
interface HeldImage {
  readonly id: Digest;
  readonly inspection: Inspection;
}

/** Is this a digest of the image, and not only of what the engine once pulled it by? */
function stands(digest: Digest, { id, inspection }: HeldImage, known: SpooledImage): boolean {
  const members = inspection.Manifests?.map(({ Descriptor: { digest: member } }) => member).filter(isDigest);
  return known.isKept && [id, known.manifest.digest, ...(members ?? [])].includes(digest);
}
