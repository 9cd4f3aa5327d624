import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { partsOf, type ArchivePart } from '../../archive/archive-parts.ts';
import { readBlob } from '../../archive/emit.ts';
import { keyedQueue } from '../../archive/keyed-queue.ts';
import type { ArchivePlan } from '../../archive/plan.ts';
import { hexOf } from '../../core/digest.ts';
import { messageOf, PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { totalSize, type LockedImage } from '../../core/image.ts';
import type { ImageSource } from '../../core/ports.ts';
import { formatSize } from '../../core/size.ts';
import type { LastingConnection } from '../../ssh/lasting.ts';
import type { Engine } from '../engine.ts';
import type { LoadOptions } from '../engine-load.ts';
import { loadFailed } from '../load-answer.ts';
import { freeThere } from '../ssh-room.ts';
import { watchIdle, type IdleWatch } from '../patience.ts';
import { ClaimLost, Claims } from './claims.ts';
import { runScript, scriptFault, ScriptFailed } from './far-command.ts';
import { FarFolder, type FarEnding } from './far-folder.ts';
import { checkOwn, readRoot } from './far-place.ts';
import * as scripts from './scripts.ts';
import { bytesToBring, listOf, sendParts, type Chunks } from './send-parts.ts';

/** How often what turned out wrong on the far machine is sent again. */
const rounds = 3;

/** How often an image is begun anew since another run took its folder. */
const mostLost = 20;

/** How often a folder is made anew that others remove at the same time, and the milliseconds between. */
const makings = { tries: 10, pause: 50 };

export interface StageOptions {
  /** `ssh://...`, for messages. */
  readonly name: string;
  readonly lasting: LastingConnection;
  /** A folder on the far machine; the user's cache folder when absent. */
  readonly dir: string | undefined;
  /** See `StageFolder`. */
  readonly silence: number | undefined;
  /** The command there that reads an archive, for this engine. */
  readonly loader: (engine: Engine) => readonly string[];
  readonly emit: Emit;
}

/**
 * Brings archives to an engine by way of a folder on its machine: the blobs travel in pieces that survive a broken
 * connection, are compared there, and are put together and loaded there. The folder is this user's alone, and of several runs
 * that bring the same image one works in it at a time.
 */
export class Stage {
  readonly #options: StageOptions;
  readonly #claims: Claims;
  /** The folders of images that are being brought. */
  readonly #folders = new Map<string, FarFolder>();
  /** The same image may have two names. */
  readonly #onePerImage = keyedQueue();
  /** One image at a time uses the link; another may be loaded meanwhile. */
  readonly #inTurn = pLimit(1);
  #hash: Promise<readonly string[]> | undefined;
  #root: string | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#claims = new Claims(options);
  }

  /**
   * Does work with the folder of an image held, and removes the folder afterwards; waits while another run holds it. Where
   * it is lost to another run, the work begins anew: it has to look first at what is there. What was sent stays when the
   * host is out of reach or was given up, and when the work fails while another run waits for the folder, which goes on with
   * it. Throws what the work throws, the abort reason, `E_SSH_UNREACHABLE`, `E_TARGET_FULL`, `E_TARGET_UNWRITABLE`.
   */
  alone<T>(image: LockedImage, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const name = nameOf(image);
    return this.#onePerImage(name, async () => {
      for (let lost = 0; ; lost += 1) {
        let isDone = false;
        try {
          await this.#open(name, image, signal);
          const done = await work();
          isDone = true;
          return done;
        } catch (fault) {
          signal?.throwIfAborted();
          if (!(fault instanceof ClaimLost)) throw fault;
          if (lost === mostLost) throw alwaysLost(image, this.#options.name);
          const message = `${image.reference}: ${this.#options.name}: another packferry has gone on with it there`;
          this.#options.emit({ type: 'note', level: 'info', message });
        } finally {
          await this.#remove(name, !isDone);
        }
      }
    });
  }

  /** As `loadImage`, within `alone`. Throws also what that throws, and `ClaimLost`. */
  async load(
    engine: Engine,
    image: LockedImage,
    plan: ArchivePlan,
    source: ImageSource,
    options: LoadOptions,
  ): Promise<void> {
    const folder = this.#folders.get(nameOf(image));
    if (folder === undefined) throw new TypeError(`${image.reference}: its folder is not held`);
    const parts = partsOf(plan);
    await this.#inTurn(() => this.#bringInTime(folder, image, parts, source, options));
    await this.#feed(folder, engine, image, parts, options);
  }

  /** Removes what it left there. */
  async close(): Promise<void> {
    const { lasting } = this.#options;
    try {
      const root = this.#root;
      if (root !== undefined) {
        await lasting.finish(async (connection) => {
          await runScript(connection, scripts.removeRoot, [root]);
        });
      }
    } catch {
      // An empty folder may stay; what else stays was told.
    } finally {
      lasting.close();
    }
  }

  /** A host at which nothing gets any further for `loadIdle` is given up, with all that is still to come. */
  async #bringInTime(
    folder: FarFolder,
    image: LockedImage,
    parts: readonly ArchivePart[],
    source: ImageSource,
    options: LoadOptions,
  ): Promise<void> {
    const { lasting, name } = this.#options;
    const idle = watchIdle(options.loadIdle);
    const giveUp = (): void => lasting.giveUp(standsStill(name, options.loadIdle));
    idle.signal.addEventListener('abort', giveUp, { once: true });
    try {
      await this.#bring(folder, image, parts, source, { ...options, idle });
    } finally {
      idle.stop();
    }
  }

  async #bring(
    folder: FarFolder,
    image: LockedImage,
    parts: readonly ArchivePart[],
    source: ImageSource,
    { signal, onBytes = () => undefined, promised, idle }: LoadOptions & { readonly idle: IdleWatch },
  ): Promise<void> {
    const { alive, during } = idle;
    const asking = { onOutput: alive, ...(signal === undefined ? {} : { signal }) };
    const free = await this.#options.lasting.use((connection) => freeThere(connection, folder.path));
    const distinct = [...new Map(parts.map((part) => [part.digest, part])).values()];
    let wanted = distinct;
    for (let round = 1; ; round += 1) {
      const there = await folder.list(asking);
      const missing = bytesToBring(wanted, there);
      if (round === 1) this.#tell(image, folder, totalSize(wanted) - missing);
      if (round === 1 && free !== undefined && missing > free) throw noRoom(image, folder, missing, free);
      const reading = {
        // A slow source is no fault of the host.
        ...{ name: image.reference, promised, during },
        openBlob: (blob: Parameters<ImageSource['openBlob']>[1], unwanted: AbortSignal) =>
          source.openBlob(image, blob, { signal: unwanted }),
      };
      const read = (part: ArchivePart, stop: AbortSignal): Chunks =>
        part.kind === 'blob' ? readBlob(part.blob, reading, stop) : [part.content];
      await sendParts(wanted, { folder, there, read, signal, alive, onBytes });
      const wrong = await folder.wrongParts(listOf(distinct), asking);
      if (wrong.size === 0) return;
      const [first = ''] = wrong;
      if (round === rounds) throw keepsChanging(image, folder, first);
      const message = `${image.reference}: ${folder.name}: ${first} is not what was sent: it is sent again`;
      this.#options.emit({ type: 'note', level: 'warning', message });
      wanted = distinct.filter(({ digest }) => wrong.has(hexOf(digest)));
    }
  }

  /** The far machine puts the archive together and hands it to the engine; nothing of it passes the connection again. */
  async #feed(
    folder: FarFolder,
    engine: Engine,
    image: LockedImage,
    parts: readonly ArchivePart[],
    { signal, loadIdle }: LoadOptions,
  ): Promise<void> {
    const command = this.#options.loader(engine);
    const idle = watchIdle(loadIdle);
    const both = signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]);
    const { lasting, name } = this.#options;
    const what = `${image.reference}: ${name}`;
    idle.signal.addEventListener('abort', () => {
      if (!lasting.isOpen) lasting.giveUp(standsStill(name, loadIdle));
    });
    try {
      const ending = await folder.feed(listOf(parts), command, { signal: both, onOutput: idle.alive });
      const { status, words } = ending;
      if (status !== 0) throw refused(ending, image, command, what);
      if (!words.includes('Loaded image') || /Error unpacking/i.test(words))
        throw loadFailed(image.reference, words);
    } catch (fault) {
      signal?.throwIfAborted();
      const isLost = fault instanceof PackferryError && fault.code === 'E_SSH_UNREACHABLE';
      if (idle.signal.aborted && !isLost) {
        throw new PackferryError(
          'E_LOAD_FAILED',
          `${what}: nothing was heard of the load for ${loadIdle / 1000} s`,
          {
            hint: 'The engine hangs, or its disk does: look into its log, restart it, then run again.',
          },
        );
      }
      throw scriptFault(fault, `${what}: loading it from ${folder.path}`);
    } finally {
      idle.stop();
    }
  }

  /** Makes the folder of an image, if need be, and waits until this run holds it. */
  async #open(name: string, image: LockedImage, signal: AbortSignal | undefined): Promise<void> {
    const { name: host, lasting, dir = '' } = this.#options;
    const where = dir === '' ? '~/.cache' : dir;
    const hash = await (this.#hash ??= this.#findHash());
    for (let tried = 1; ; tried += 1) {
      try {
        // Each time anew: another packferry that is done removes it when it is empty.
        const made = await lasting.use((connection) => runScript(connection, scripts.makeRoot, [dir]));
        const { path: root, uid } = readRoot(made, host);
        this.#root = root;
        const folder = new FarFolder({ lasting, claims: this.#claims, host, root, name, hash });
        const what = `${image.reference}: ${folder.name}`;
        checkOwn(await this.#claims.take({ root, name, what }, signal), uid, folder.name);
        this.#folders.set(name, folder);
        return;
      } catch (fault) {
        const isGone = fault instanceof ScriptFailed && fault.exit.status === 16;
        if (!isGone || tried === makings.tries) throw scriptFault(fault, `${host}: ${this.#root ?? where}`);
        await delay(makings.pause);
      }
    }
  }

  async #findHash(): Promise<readonly string[]> {
    const { name: host, lasting } = this.#options;
    const script = lasting.use((connection) => runScript(connection, scripts.findHash, []));
    const found = await script.catch((fault: unknown) => {
      throw scriptFault(fault, `${host}: looking for sha256sum`);
    });
    const words = found.trim();
    if (words !== '') return words.split(' ');
    throw new PackferryError('E_TARGET_UNWRITABLE', `${host}: no command there hashes with SHA-256`, {
      hint: 'Staging needs a shell there, and sha256sum, openssl, busybox or shasum. Without --stage the socket of the engine is enough.',
    });
  }

  #tell(image: LockedImage, folder: FarFolder, present: number): void {
    if (present <= 0) return;
    const message = `${image.reference}: ${folder.name}: going on, ${formatSize(present)} are there`;
    this.#options.emit({ type: 'note', level: 'info', message });
  }

  async #remove(name: string, isGiven: boolean): Promise<void> {
    const folder = this.#folders.get(name);
    if (folder === undefined) return;
    this.#folders.delete(name);
    try {
      await folder.remove(isGiven);
    } catch (fault) {
      const message = `${folder.name}: stays there, the next run goes on with it: ${messageOf(fault)}`;
      this.#options.emit({ type: 'note', level: 'warning', message });
    }
  }
}

function standsStill(name: string, milliseconds: number): PackferryError {
  const message = `${name}: for ${milliseconds / 1000} s nothing got any further there`;
  return new PackferryError('E_SSH_UNREACHABLE', message, {
    hint: 'The link stands still, or the disk there does. Run the same command again when that is over: it goes on where it stopped.',
  });
}

/** What the folder of an image is called. */
function nameOf({ manifest }: LockedImage): string {
  return hexOf(manifest.digest).slice(0, 32);
}

function alwaysLost(image: LockedImage, host: string): PackferryError {
  const message = `${image.reference}: ${host}: other packferrys took the folder of it ${mostLost} times`;
  return new PackferryError('E_TARGET_UNWRITABLE', message, {
    hint: 'Let one run bring it there, then run again: what is there already is not sent twice.',
  });
}

function noRoom(image: LockedImage, folder: FarFolder, missing: number, free: number): PackferryError {
  const message = `${image.reference}: ${folder.name}: ${formatSize(free)} are free there, and ${formatSize(missing)} are to be staged`;
  return new PackferryError('E_TARGET_FULL', message, {
    hint: 'Free space there, or stage on another disk: --stage-dir DIR. The engine needs room of its own besides.',
  });
}

function keepsChanging(image: LockedImage, folder: FarFolder, hex: string): PackferryError {
  const message = `${image.reference}: ${folder.name}: sha256:${hex} was sent ${rounds} times and is still not right there`;
  return new PackferryError('E_TARGET_UNWRITABLE', message, {
    hint: 'The disk there may fail, or something changes files there. Nothing was loaded.',
  });
}

/** What the command of the engine said when it failed. */
function refused(
  { status, words }: FarEnding,
  image: LockedImage,
  command: readonly string[],
  what: string,
): PackferryError {
  const line = `"${command.join(' ')}"`;
  if (status === 127 || /^sudo: |permission denied/im.test(words)) {
    const code = status === 127 ? 'E_ENGINE_UNREACHABLE' : 'E_ENGINE_DENIED';
    const { message } = loadFailed(image.reference, words);
    return new PackferryError(code, `${what}: ${line}: ${message}`, {
      hint: 'Run that command there by hand, as the same user: staging needs it, and with sudo it must not ask for a password. Without --stage the socket is enough.',
    });
  }
  return loadFailed(image.reference, words);
}
