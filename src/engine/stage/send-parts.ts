import type { ArchivePart } from '../../archive/archive-parts.ts';
import { hexOf } from '../../core/digest.ts';
import { pieceSize, type FarFile, type FarFolder, type PartList, type Piece } from './far-folder.ts';

/** Pieces on their way at the same time: one channel carries no more than 2 MiB for each round trip. */
const channels = 4;

export type Chunks = AsyncIterable<Buffer> | Iterable<Buffer>;

export interface SendOptions {
  readonly folder: FarFolder;
  /** What lies there already. */
  readonly there: ReadonlyMap<string, FarFile>;
  /** The verified bytes of a part. */
  readonly read: (part: ArchivePart, signal: AbortSignal) => Chunks;
  readonly signal: AbortSignal | undefined;
  /** Called whenever something of a piece has left. */
  readonly alive: () => void;
  /** Bytes of blobs that are there so far, those included that were there before; they never become fewer. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Brings parts into a folder on the far machine, several pieces at a time. Pieces that are there with the right hash are
 * passed over. Memory: a piece for each channel, and one that is being read.
 */
export async function sendParts(parts: readonly ArchivePart[], options: SendOptions): Promise<void> {
  const { folder, there, read, signal, alive, onBytes } = options;
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const active = new Set<Promise<void>>();
  const progress = new Progress(onBytes);
  try {
    for (const part of parts) {
      const counts = part.kind === 'blob';
      for await (const piece of piecesOf(part, read(part, both))) {
        while (active.size >= channels) await Promise.race(active);
        const count = counts ? progress.of(piece.name) : (): void => undefined;
        const onSent = (bytes: number): void => {
          alive();
          count(bytes);
        };
        const sending = folder.send(piece, there, both, onSent).finally(() => active.delete(sending));
        // Read at the next race; until then a fault is nobody's.
        sending.catch(() => undefined);
        active.add(sending);
      }
    }
    await Promise.all(active);
  } finally {
    stop.abort();
    await Promise.allSettled(active);
  }
}

/** How many pieces a part has. */
export function listOf(parts: readonly ArchivePart[]): PartList {
  return parts.map(({ digest, size }) => ({ hex: hexOf(digest), pieces: Math.ceil(size / pieceSize) }));
}

/** Bytes of parts of which no piece of the right size is there. */
export function bytesToBring(parts: readonly ArchivePart[], there: ReadonlyMap<string, FarFile>): number {
  let bytes = 0;
  for (const { digest, size } of parts) {
    for (let at = 0, number = 0; at < size; at += pieceSize, number += 1) {
      const whole = Math.min(pieceSize, size - at);
      const name = `${hexOf(digest)}.${number}`;
      const has = there.get(name)?.size === whole ? whole : (there.get(`${name}.part`)?.size ?? 0);
      bytes += Math.max(0, whole - has);
    }
  }
  return bytes;
}

async function* piecesOf({ digest }: ArchivePart, bytes: Chunks): AsyncGenerator<Piece> {
  let chunks: Buffer[] = [];
  let length = 0;
  let number = 0;
  const next = (content: Buffer): Piece => ({ name: `${hexOf(digest)}.${number++}`, content });
  for await (const chunk of bytes) {
    let rest = chunk;
    while (length + rest.length >= pieceSize) {
      const taken = rest.subarray(0, pieceSize - length);
      yield next(Buffer.concat([...chunks, taken]));
      rest = rest.subarray(taken.length);
      [chunks, length] = [[], 0];
    }
    if (rest.length > 0) chunks.push(rest);
    length += rest.length;
  }
  if (length > 0) yield next(Buffer.concat(chunks));
}

/** Adds up how far the pieces are. */
class Progress {
  readonly #onBytes: (bytes: number) => void;
  readonly #pieces = new Map<string, number>();
  #sum = 0;
  #told = 0;

  constructor(onBytes: (bytes: number) => void) {
    this.#onBytes = onBytes;
  }

  of(name: string): (bytes: number) => void {
    return (bytes) => {
      this.#sum += bytes - (this.#pieces.get(name) ?? 0);
      this.#pieces.set(name, bytes);
      if (this.#sum <= this.#told) return;
      this.#told = this.#sum;
      this.#onBytes(this.#sum);
    };
  }
}
