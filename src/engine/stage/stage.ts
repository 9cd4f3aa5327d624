import pLimit from 'p-limit';
import { partsOf, type ArchivePart } from '../../archive/archive-parts.ts';
import { readBlob } from '../../archive/emit.ts';
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
import { freeBytes } from '../ssh-room.ts';
import { watchIdle } from '../patience.ts';
import { runScript, scriptFault } from './far-command.ts';
import { FarFolder, type FarEnding } from './far-folder.ts';
import { checkOwn, readRoot, type StageRoot } from './far-place.ts';
import * as scripts from './scripts.ts';
import { bytesToBring, listOf, sendParts, type Chunks } from './send-parts.ts';

/** How often what turned out wrong on the far machine is sent again. */
const rounds = 3;

export interface StageOptions {
  /** `ssh://...`, for messages. */
  readonly name: string;
  readonly lasting: LastingConnection;
  /** A folder on the far machine; the user's cache folder when absent. */
  readonly dir: string | undefined;
  /** The command there that reads an archive, for this engine. */
  readonly loader: (engine: Engine) => readonly string[];
  readonly emit: Emit;
}

/**
 * Brings archives to an engine by way of a folder on its machine: the blobs travel in pieces that survive a broken
 * connection, are compared there, and are put together and loaded there. The folder is this user's alone.
 */
export class Stage {
  readonly #options: StageOptions;
  readonly #folders = new Map<string, FarFolder>();
  /** One image at a time uses the link; another may be loaded meanwhile. */
  readonly #inTurn = pLimit(1);
  #hash: Promise<readonly string[]> | undefined;
  #root: StageRoot | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  /**
   * As `loadImage`; beside what that throws also `E_SSH_UNREACHABLE`, `E_TARGET_FULL` and `E_TARGET_UNWRITABLE`. What was
   * sent stays when the engine refuses it, for a second try, and when the host is out of reach.
   */
  async load(
    engine: Engine,
    image: LockedImage,
    plan: ArchivePlan,
    source: ImageSource,
    options: LoadOptions,
  ): Promise<void> {
    const parts = partsOf(plan);
    const name = hexOf(image.manifest.digest).slice(0, 32);
    try {
      await this.#inTurn(() => this.#bring(name, image, parts, source, options));
      const folder = this.#folders.get(name);
      if (folder !== undefined) await this.#feed(folder, engine, image, parts, options);
    } catch (fault) {
      options.signal?.throwIfAborted();
      if (!(fault instanceof PackferryError && fault.code === 'E_LOAD_FAILED')) await this.#remove(name);
      throw fault;
    }
    await this.#remove(name);
  }

  /** Removes what it left there. */
  async close(): Promise<void> {
    for (const name of [...this.#folders.keys()]) await this.#remove(name);
    const { lasting } = this.#options;
    try {
      const root = this.#root?.path;
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

  async #bring(
    name: string,
    image: LockedImage,
    parts: readonly ArchivePart[],
    source: ImageSource,
    { signal, onBytes = () => undefined, promised }: LoadOptions,
  ): Promise<void> {
    const { folder, free } = await this.#open(name);
    const distinct = [...new Map(parts.map((part) => [part.digest, part])).values()];
    let wanted = distinct;
    for (let round = 1; ; round += 1) {
      const there = await folder.list(signal);
      const missing = bytesToBring(wanted, there);
      if (round === 1) this.#tell(image, folder, totalSize(wanted) - missing);
      if (round === 1 && free !== undefined && missing > free) throw noRoom(image, folder, missing, free);
      const reading = {
        ...{ name: image.reference, promised },
        openBlob: (blob: Parameters<ImageSource['openBlob']>[1], unwanted: AbortSignal) =>
          source.openBlob(image, blob, { signal: unwanted }),
      };
      const read = (part: ArchivePart, stop: AbortSignal): Chunks =>
        part.kind === 'blob' ? readBlob(part.blob, reading, stop) : [part.content];
      await sendParts(wanted, { folder, there, read, signal, onBytes });
      const wrong = await folder.wrongParts(listOf(distinct), signal);
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
    const what = `${image.reference}: ${this.#options.name}`;
    try {
      const ending = await folder.feed(listOf(parts), command, { signal: both, onOutput: idle.alive });
      const { status, words } = ending;
      if (status !== 0) throw refused(ending, image, command, what);
      if (!words.includes('Loaded image') || /Error unpacking/i.test(words))
        throw loadFailed(image.reference, words);
    } catch (fault) {
      signal?.throwIfAborted();
      if (idle.signal.aborted) {
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

  async #open(name: string): Promise<{ readonly folder: FarFolder; readonly free: number | undefined }> {
    const { name: host, lasting, dir = '' } = this.#options;
    const hash = await (this.#hash ??= this.#findHash());
    // Each time anew: another packferry that is done removes it when it is empty.
    const made = await this.#run(`${host}: ${dir === '' ? '~/.cache' : dir}`, scripts.makeRoot, [dir]);
    const root = readRoot(made, host);
    this.#root = root;
    const output = await this.#run(`${host}: ${root.path}`, scripts.makeFolder, [root.path, name]);
    const [own = '', ...disk] = output.trimEnd().split('\n');
    const folder = new FarFolder(lasting, host, root.path, name, hash);
    checkOwn(own, root.uid, folder.name);
    this.#folders.set(name, folder);
    return { folder, free: freeBytes(disk) };
  }

  async #findHash(): Promise<readonly string[]> {
    const { name: host } = this.#options;
    const found = (await this.#run(`${host}: looking for sha256sum`, scripts.findHash, [])).trim();
    if (found !== '') return found.split(' ');
    throw new PackferryError('E_TARGET_UNWRITABLE', `${host}: no command there hashes with SHA-256`, {
      hint: 'Staging needs a shell there, and sha256sum, openssl, busybox or shasum. Without --stage the socket of the engine is enough.',
    });
  }

  async #run(what: string, script: string, args: readonly string[]): Promise<string> {
    try {
      return await this.#options.lasting.use((connection) => runScript(connection, script, args));
    } catch (fault) {
      throw scriptFault(fault, what);
    }
  }

  #tell(image: LockedImage, folder: FarFolder, present: number): void {
    if (present <= 0) return;
    const message = `${image.reference}: ${folder.name}: going on, ${formatSize(present)} are there`;
    this.#options.emit({ type: 'note', level: 'info', message });
  }

  async #remove(name: string): Promise<void> {
    const folder = this.#folders.get(name);
    if (folder === undefined) return;
    this.#folders.delete(name);
    try {
      await folder.remove();
    } catch (fault) {
      const message = `${folder.name}: stays there, the next run goes on with it: ${messageOf(fault)}`;
      this.#options.emit({ type: 'note', level: 'warning', message });
    }
  }
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
    hint: 'Does the disk there fail, or does another packferry stage the same image? Nothing was loaded.',
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
