import { EventEmitter, once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobWatcher } from '../archive/check.ts';
import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import type { LayerCheck } from './check-layers.ts';
import type { ReadVolume } from './read-document.ts';

/** The archive of a bundle, by its number, and the byte of it where a blob starts. */
export interface TapPlace {
  readonly volume: number;
  readonly offset: number;
}

interface Handover {
  readonly place: TapPlace;
  /** What is being read, for messages. */
  readonly name: string;
  readonly out: PassThrough;
  /** Bytes that were given. */
  given: number;
}

/** Where reading ends that nobody waits for any more. */
const end: TapPlace = { volume: Infinity, offset: Infinity };

/**
 * Steers the one reading of archives: it halts before a blob until somebody asks for that one, or for one behind it. A blob
 * that was asked for is handed over while it is checked, as fast as it is taken; the others are checked all the same. What
 * is handed over ends well only when the blob was whole, its image's own documents agree with bundle.json, and its layer,
 * where layers are looked into, has the content that was promised.
 */
export class BlobTap implements BlobWatcher {
  readonly #volumes: readonly ReadVolume[];
  readonly #requireDeep: boolean;
  readonly #moves = new EventEmitter().setMaxListeners(0);
  /** Of each volume, what looks into its layers before the tap does. */
  readonly #layers = new Map<number, LayerCheck>();
  /** Of each volume, where its blobs start, in their order. */
  readonly #starts: readonly (readonly number[])[];
  #volume = 0;
  /** Blobs of the current volume that have ended, and whether the next one has begun without anybody who wanted it. */
  #ended = 0;
  #isSkipping = false;
  /** Blobs that start before it may be read though nobody asks for them. */
  #horizon: TapPlace = { volume: 0, offset: 0 };
  /** What was asked for and has not come yet, by its place. */
  readonly #wanted = new Map<string, Handover>();
  #isOver = false;

  constructor(volumes: readonly ReadVolume[], { requireDeep }: { readonly requireDeep: boolean }) {
    this.#volumes = volumes;
    this.#requireDeep = requireDeep;
    this.#starts = volumes.map(({ plan }) =>
      plan.entries.flatMap((entry) => (entry.kind === 'blob' ? [entry.dataOffset] : [])),
    );
  }

  /** Called when the reading of a volume begins. */
  enter(file: string, layers: LayerCheck | undefined): void {
    this.#volume = this.#volumes.findIndex((volume) => volume.file === file);
    this.#ended = 0;
    if (layers !== undefined) this.#layers.set(this.#volume, layers);
  }

  /** Called when the reading of a volume has ended, perhaps too early. */
  leave(file: string): void {
    this.#volume = this.#volumes.findIndex((volume) => volume.file === file) + 1;
    this.#ended = 0;
    this.#isSkipping = false;
    this.#abandon(({ place }) => place.volume < this.#volume);
  }

  /** Called when nothing is read any more. */
  close(): void {
    this.#isOver = true;
    this.#abandon(() => true);
    this.#moves.emit('asked');
  }

  async take(_blob: Descriptor, bytes: Buffer): Promise<void> {
    const place = this.#here();
    while (!this.#isSkipping && !this.#isOver) {
      const wanted = this.#wanted.get(keyOf(place));
      if (wanted !== undefined) {
        await give(wanted, bytes);
        return;
      }
      if (isBefore(place, this.#horizon)) {
        this.#isSkipping = true;
        return;
      }
      await once(this.#moves, 'asked');
      // Several may ask in one go, and not in the order of the archive.
      await nextTurn();
    }
  }

  async end({ digest, size }: Descriptor, intact: boolean): Promise<void> {
    const key = keyOf(this.#here());
    const wanted = this.#wanted.get(key);
    if (wanted !== undefined) {
      this.#wanted.delete(key);
      const fault =
        wanted.given < size ? unreadable(wanted.name) : intact ? await this.#layerFault(digest) : undefined;
      // Of wrong bytes the reader finds out itself, and can say what it got.
      if (fault === undefined) wanted.out.end();
      else wanted.out.destroy(fault);
    }
    this.#ended += 1;
    this.#isSkipping = false;
  }

  /** Lets the reading go on to its end. */
  release(): void {
    this.#ask(end);
  }

  /**
   * The blob that stands there, as it passes. Undefined when it has passed, is passing without anybody who wanted it, or is
   * somebody else's.
   */
  open(place: TapPlace, name: string): Readable | undefined {
    const here = this.#here();
    const isPassing = this.#isSkipping && keyOf(place) === keyOf(here);
    if (this.#isOver || isBefore(place, here) || isPassing || this.#wanted.has(keyOf(place)))
      return undefined;
    const out = new PassThrough({ highWaterMark: 1024 * 1024 });
    // A fault may come before anybody listens; whoever reads gets it all the same.
    out.on('error', () => undefined);
    this.#wanted.set(keyOf(place), { place, name, out, given: 0 });
    this.#ask(place);
    return out;
  }

  /** What speaks against a layer that has passed, where layers are looked into. */
  async #layerFault(digest: Digest): Promise<PackferryError | undefined> {
    const verdict = await this.#layers.get(this.#volume)?.verdictOn(digest);
    if (verdict !== 'unknown') return verdict;
    if (!this.#requireDeep) return undefined;
    return new PackferryError(
      'E_NOT_CHECKED',
      `layer ${digest} is in zstd, and the policy asks to look into it`,
      {
        hint: 'Node 22.15 or later can read it.',
      },
    );
  }

  /** The blob that is next, or passes just now. */
  #here(): TapPlace {
    return { volume: this.#volume, offset: this.#starts[this.#volume]?.[this.#ended] ?? Infinity };
  }

  #ask(place: TapPlace): void {
    if (isBefore(this.#horizon, place)) this.#horizon = place;
    this.#moves.emit('asked');
  }

  /** What has not come by now does not come. */
  #abandon(isMeant: (wanted: Handover) => boolean): void {
    for (const [key, wanted] of this.#wanted) {
      if (!isMeant(wanted)) continue;
      this.#wanted.delete(key);
      wanted.out.destroy(unreadable(wanted.name));
    }
  }
}

/** Hands bytes over, and waits until more may come or nobody wants more. */
async function give(wanted: Handover, bytes: Buffer): Promise<void> {
  wanted.given += bytes.length;
  const { out } = wanted;
  if (out.destroyed || out.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      out.off('drain', go).off('close', go);
      resolve();
    };
    out.on('drain', go).on('close', go);
  });
}

function keyOf({ volume, offset }: TapPlace): string {
  return `${volume} ${offset}`;
}

function isBefore(a: TapPlace, b: TapPlace): boolean {
  return a.volume === b.volume ? a.offset < b.offset : a.volume < b.volume;
}

function unreadable(what: string): PackferryError {
  return new PackferryError('E_BUNDLE_INCOMPLETE', `${what} cannot be read whole`, {
    hint: 'Try another drive or port, or copy the archive again from where the bundle was made.',
  });
}
