import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Emit } from '../../core/events.ts';
import type { HostConnection } from '../../ssh/host-connection.ts';
import type { LastingConnection } from '../../ssh/lasting.ts';
import { runScript, ScriptFailed } from './far-command.ts';
import * as scripts from './scripts.ts';

/** Milliseconds between signs of life. */
const beatEvery = 10_000;

/** Milliseconds without any, after which the one who holds a folder is taken to be gone. */
const usualSilence = 120_000;

/** Milliseconds between looks at a folder that another run holds, from the first to the last pause. */
const pauses = { first: 250, longest: 4000 };

/** Another run works in the folder now: since nothing was heard of this one, or it left it with its connection. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';

  constructor() {
    super('another run holds the folder');
  }
}

export interface ClaimsOptions {
  readonly lasting: LastingConnection;
  readonly emit: Emit;
  /** Milliseconds. Default: two minutes. */
  readonly silence?: number | undefined;
}

/** A folder for an image: below `root`, which stands for everything staged. */
export interface Claimable {
  readonly root: string;
  readonly name: string;
  /** Image, host and folder, for messages. */
  readonly what: string;
}

/**
 * The folders for images that this run holds on the far machine, against other runs of anybody who is the same user there.
 * A command there keeps them as long as the connection stands: when it ends, also by the death of this program, they are
 * left to whoever comes first, this one included. A connection that stands still holds them until nothing was seen of this
 * run for the time of `silence`, by the clock of the one who waits. What is done in a folder asks first whether it is held.
 */
export class Claims {
  readonly #lasting: LastingConnection;
  readonly #emit: Emit;
  readonly #silence: number;
  /** Who waits for it is told where it runs, and since when. */
  readonly #owner = `${randomBytes(8).toString('hex')}_${Math.floor(Date.now() / 1000)}_${hostname()
    .replace(/[^A-Za-z0-9.]/g, '-')
    .slice(0, 64)}`;
  readonly #keepers = new WeakMap<HostConnection, Promise<string>>();
  #count = 0;

  constructor({ lasting, emit, silence = usualSilence }: ClaimsOptions) {
    this.#lasting = lasting;
    this.#emit = emit;
    this.#silence = silence;
  }

  /** The claim by which folders are held over this connection. Those that were held over an earlier one are held by it, too. */
  async on(connection: HostConnection, root: string): Promise<string> {
    const known = this.#keepers.get(connection) ?? this.#keep(connection, root);
    this.#keepers.set(connection, known);
    return known.catch((fault: unknown) => {
      this.#keepers.delete(connection);
      throw fault;
    });
  }

  /**
   * Waits until this run holds a folder, and makes it where it is not there. Returns whose it is, a line of `ls -ldn`.
   * Throws the abort reason, and what `runScript` throws.
   */
  async take({ root, name, what }: Claimable, signal: AbortSignal | undefined): Promise<string> {
    let [seen, since, told] = ['', performance.now(), ''];
    for (let pause = pauses.first; ; pause = Math.min(2 * pause, pauses.longest)) {
      const silent = performance.now() - since >= this.#silence ? (seen.split('\n')[0] ?? '') : '';
      const output = await this.#lasting.use(async (connection) => {
        const words = [root, name, await this.on(connection, root), silent];
        return runScript(connection, scripts.claim, words, signal === undefined ? {} : { signal });
      });
      this.#lasting.alive();
      const [holder = '', own = ''] = output.split('\n');
      if (holder === 'mine') return own;
      if (output !== seen) [seen, since] = [output, performance.now()];
      if (holder !== told)
        this.#tell(`${what}: ${whoIs(holder)} stages the same image there: waiting for it`);
      told = holder;
      await delay(pause, undefined, signal === undefined ? {} : { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
    }
  }

  async #keep(connection: HostConnection, root: string): Promise<string> {
    this.#count += 1;
    const claim = `${this.#owner}-${this.#count}`;
    const words = ['sh', '-c', scripts.keep, 'sh', root, this.#owner, claim];
    const keeper = await connection.exec(words, (exit) =>
      exit.status === 0 ? undefined : new ScriptFailed(exit),
    );
    await isReady(keeper);
    let beat = 0;
    const beats = setInterval(() => keeper.write(`${(beat += 1)}\n`), beatEvery);
    beats.unref();
    // Where it ends before the connection does, the next one who asks starts another one.
    keeper.once('close', () => {
      clearInterval(beats);
      this.#keepers.delete(connection);
    });
    keeper.on('error', () => undefined);
    return claim;
  }

  #tell(message: string): void {
    this.#emit({ type: 'note', level: 'info', message });
  }
}

/** Resolves when it says so; rejects with its fault. */
async function isReady(keeper: Duplex): Promise<void> {
  let words = '';
  await new Promise<void>((resolve, reject) => {
    keeper.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('latin1')).slice(-16);
      if (words.endsWith('ready\n')) resolve();
    });
    keeper.once('error', reject);
    keeper.once('close', () => reject(new ScriptFailed({ status: undefined, stderr: '' })));
  });
}

/** Who holds a folder, in words. */
function whoIs(holder: string): string {
  const [, seconds, host] =
    /^[0-9a-f]+_([0-9]{1,12})_([A-Za-z0-9.-]+)-[0-9]+(?:(?:\.given)?\.left)?$/.exec(holder) ?? [];
  if (seconds === undefined || host === undefined) return 'another packferry';
  const since = new Date(1000 * Number(seconds)).toISOString().replace(/\.[0-9]+/, '');
  return `another packferry (on ${host}, since ${since})`;
}
