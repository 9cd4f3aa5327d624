import { createHash, randomBytes } from 'node:crypto';
import type { LastingConnection } from '../../ssh/lasting.ts';
import type { HostConnection } from '../../ssh/host-connection.ts';
import { ClaimLost, type Claims } from './claims.ts';
import { runScript, scriptFault, ScriptFailed, type ScriptOptions } from './far-command.ts';
import * as scripts from './scripts.ts';

/** Bytes of a piece, the last of a part excepted: what a broken connection can cost at most, for each channel. */
export const pieceSize = 4 * 1024 * 1024;

/** Bytes that are handed to the connection at a time, for progress to be told. */
const sliceSize = 128 * 1024;

/** A piece of a part on its way. */
export interface Piece {
  /** `HEX.NUMBER`. */
  readonly name: string;
  readonly content: Buffer;
}

/** What the far machine says of a file. */
export interface FarFile {
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** `HEX:PIECES` for each part, as the scripts want it. */
export type PartList = readonly { readonly hex: string; readonly pieces: number }[];

/** What those may give who ask for something there. */
type Asking = Pick<ScriptOptions, 'signal' | 'onOutput'>;

/** How a command ended that was fed. */
export interface FarEnding {
  readonly status: number | undefined;
  readonly words: string;
}

export interface FarFolderOptions {
  readonly lasting: LastingConnection;
  /** By which it is held. */
  readonly claims: Claims;
  /** The host, for messages. */
  readonly host: string;
  /** The folder for everything staged, and that of the image in it. */
  readonly root: string;
  readonly name: string;
  /** The words of a command there that hashes. */
  readonly hash: readonly string[];
}

/**
 * The folder of one image on the far machine, which this run holds. All of it may be called again when the connection was
 * lost. Throws `ClaimLost` once another run holds it.
 */
export class FarFolder {
  readonly path: string;
  /** Host and folder, for messages. */
  readonly name: string;
  readonly #options: FarFolderOptions;
  readonly #hash: readonly string[];
  readonly #lasting: LastingConnection;
  /** What is loaded here is told apart from what a killed run may still be loading. */
  readonly #run = randomBytes(8).toString('hex');

  constructor(options: FarFolderOptions) {
    const { lasting, hash, host, root, name } = options;
    this.#options = options;
    this.#lasting = lasting;
    this.#hash = hash;
    this.path = `${root}/${name}`;
    this.name = `${host}: ${this.path}`;
  }

  /** What lies there, by name; pieces that are not complete have `.part` behind it. */
  async list(options: Asking): Promise<ReadonlyMap<string, FarFile>> {
    return this.#ask('looking at what lies there', scripts.list, ['*', ...this.#hash], options, readList);
  }

  /**
   * Brings one piece there. `there` is what lies there of it: a beginning of it is gone on with. Resolves when the far
   * machine has found the hash of the whole to be right. `onSent` is told how many bytes have left, from the first on.
   */
  async send(
    piece: Piece,
    there: ReadonlyMap<string, FarFile>,
    signal: AbortSignal,
    onSent: (bytes: number) => void,
  ): Promise<void> {
    const sha256 = hexOfContent(piece.content);
    let known: ReadonlyMap<string, FarFile> | undefined = there;
    let wrong = 0;
    let reached = 0;
    await this.#lasting
      .use(async (connection) => {
        for (;;) {
          signal.throwIfAborted();
          known ??= readList(
            await this.#script(connection, scripts.list, [namesOf(piece), ...this.#hash], { signal }),
          );
          if (known.get(piece.name)?.sha256 === sha256) break;
          const from = startOf(piece, known.get(`${piece.name}.part`));
          // A beginning that has grown is progress, too.
          if (from > reached) this.#lasting.alive();
          reached = from;
          known = undefined;
          const words = [piece.name, String(from), String(piece.content.length), sha256, ...this.#hash];
          try {
            await this.#script(connection, scripts.put, words, {
              input: slices(piece, from, onSent),
              signal,
            });
            break;
          } catch (fault) {
            // Something else was appended there meanwhile, for instance by the end of a connection that was thought lost.
            wrong += 1;
            if (!(fault instanceof ScriptFailed) || fault.exit.status !== 12 || wrong > 3) throw fault;
          }
        }
        this.#lasting.alive();
        onSent(piece.content.length);
      })
      .catch((fault: unknown) => {
        throw scriptFault(fault, `${this.name}: a piece could not be written`);
      });
  }

  /** The parts of which the content there is not what their names say. */
  async wrongParts(parts: PartList, options: Asking): Promise<ReadonlySet<string>> {
    const args = [listText(parts), ...this.#hash];
    const found = await this.#ask('comparing what lies there', scripts.hashes, args, options, (text) => text);
    const right = new Set(
      found.split('\n').flatMap((line) => {
        const [, hex, sha256] = /^([0-9a-f]{64}) .*?\b([0-9a-f]{64})\b/.exec(line) ?? [];
        return hex !== undefined && hex === sha256 ? [hex] : [];
      }),
    );
    return new Set(parts.flatMap(({ hex }) => (right.has(hex) ? [] : [hex])));
  }

  /**
   * Hands the parts to a command there, one behind the other, and returns how it ended and what it said. It goes on when
   * the connection breaks; then its end is waited for on the next one.
   */
  async feed(parts: PartList, command: readonly string[], options: Asking): Promise<FarEnding> {
    const args = [listText(parts), ...command];
    const id = hexOfContent(Buffer.from([this.#run, ...args].join('\n'))).slice(0, 16);
    let isStarted = false;
    const output = await this.#lasting.use(async (connection) => {
      const run = (fresh: '0' | '1'): Promise<string> =>
        this.#script(connection, scripts.load, [id, fresh, scripts.feed, ...args], options);
      if (!isStarted) {
        isStarted = true;
        return run('1');
      }
      return run('0').catch((fault: unknown) => {
        if (fault instanceof ScriptFailed && fault.exit.status === 14) return run('1');
        throw fault;
      });
    });
    const [, words = '', status] = /^\.*\n([^]*)\nstatus ([0-9]+)\n$/.exec(output) ?? [];
    return { status: status === undefined ? undefined : Number(status), words };
  }

  /**
   * Removes it, on any connection that there is; not what another run holds. With `isGiven` whoever waits for it may go on
   * with what is there.
   */
  async remove(isGiven: boolean): Promise<void> {
    const { claims, root } = this.#options;
    const away = `${root}/${randomBytes(16).toString('hex')}`;
    await this.#lasting.finish(async (connection) => {
      const claim = await claims.on(connection, root);
      await runScript(connection, scripts.remove, [this.path, claim, away, isGiven ? '1' : '0']);
    });
  }

  async #ask<T>(
    what: string,
    script: string,
    args: readonly string[],
    options: Asking,
    read: (output: string) => T,
  ): Promise<T> {
    try {
      return read(await this.#lasting.use((connection) => this.#script(connection, script, args, options)));
    } catch (fault) {
      throw scriptFault(fault, `${this.name}: ${what}`);
    }
  }

  async #script(
    connection: HostConnection,
    script: string,
    args: readonly string[],
    options: ScriptOptions,
  ): Promise<string> {
    const { claims, root } = this.#options;
    const claim = await claims.on(connection, root);
    return runScript(connection, script, [this.path, claim, ...args], options).catch((fault: unknown) => {
      throw fault instanceof ScriptFailed && fault.exit.status === 15 ? new ClaimLost() : fault;
    });
  }
}

function namesOf({ name }: Piece): string {
  return `${name} ${name}.part`;
}

function hexOfContent(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Where to go on: behind what lies there, if that is how the piece begins. */
function startOf({ content }: Piece, part: FarFile | undefined): number {
  if (part === undefined || part.size >= content.length) return 0;
  return hexOfContent(content.subarray(0, part.size)) === part.sha256 ? part.size : 0;
}

function* slices({ content }: Piece, from: number, onSent: (bytes: number) => void): Generator<Buffer> {
  for (let at = from; at < content.length; at += sliceSize) {
    yield content.subarray(at, at + sliceSize);
    onSent(Math.min(at + sliceSize, content.length));
  }
}

function listText(parts: PartList): string {
  return parts.map(({ hex, pieces }) => `${hex}:${pieces}`).join(' ');
}

/** openssl writes words before the hash, the others the name behind it. */
function readList(output: string): ReadonlyMap<string, FarFile> {
  return new Map(
    output.split('\n').flatMap((line) => {
      const [, name, size, sha256] =
        /^([0-9a-f]{64}\.[0-9]+(?:\.part)?) ([0-9]+) .*?\b([0-9a-f]{64})\b/.exec(line) ?? [];
      return name === undefined || sha256 === undefined ? [] : [[name, { size: Number(size), sha256 }]];
    }),
  );
}
