import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../core/image.ts';
import type { ArchivePlan } from './plan.ts';
import { endName, regionsOf, type Region, type RegionKind } from './regions.ts';

/** Bytes of an archive that cannot be read. */
export interface Gap {
  readonly gap: number;
}

/** One place where an archive is not what was planned. */
export interface Damage {
  /** `short`: the archive stops there. `surplus`: there it goes on although it should have ended. */
  readonly kind: RegionKind | 'short' | 'surplus';
  /** The name of the member concerned; `end of archive` for all that stands, or is missing, behind the last one. */
  readonly entry: string;
  /** Where the damaged stretch starts, in bytes. */
  readonly offset: number;
  /** The blob whose content is damaged. */
  readonly digest?: Digest;
  /** Some of it could not be read. */
  readonly unreadable?: true;
}

/** A blob whose content is not there as planned. */
export interface LostPlace {
  readonly blob: Descriptor;
  /** Where its content should start, in bytes. */
  readonly offset: number;
  /** `missing`: the archive ends before it, or in it. */
  readonly why: 'damaged' | 'unreadable' | 'missing';
}

export interface ArchiveCheck {
  /** 64 lower-case hex digits over all bytes; absent when some could not be read. */
  readonly sha256?: string;
  /** Length in bytes. */
  readonly size: number;
  /** Everything that is wrong, in the order of the archive; empty for an intact one. */
  readonly damage: readonly Damage[];
  readonly lost: readonly LostPlace[];
}

/** Sees the content of blobs as it passes, so that whatever has to look at it needs no second reading. */
export interface BlobWatcher {
  /** The next bytes of a blob; not yet verified. The reading waits for the promise, if there is one. */
  take(blob: Descriptor, bytes: Buffer): Promise<void> | undefined;
  /** The blob has ended. Only where it is `intact` did all of its bytes come, and the right ones. */
  end(blob: Descriptor, intact: boolean): Promise<void> | undefined;
}

/** The sha256 of a whole archive, which may be taken elsewhere than in this thread. */
export interface ArchiveHash {
  /** The next bytes, which stay the caller's. Where it returns a promise, more may come only when that is resolved. */
  update(bytes: Buffer): Promise<void> | undefined;
  /** In hex, of all bytes. Ends the hash. */
  digest(): Promise<string> | string;
}

export interface CheckOptions {
  /** Total bytes read so far, with those that could not be. */
  readonly onBytes?: (bytes: number) => void;
  readonly watchers?: readonly BlobWatcher[];
  /** Takes the sum of all bytes; not asked for one when some could not be read. Default: taken in this thread. */
  readonly whole?: ArchiveHash;
  readonly signal?: AbortSignal;
}

/**
 * Compares an archive with its plan in one pass: every header, document, padding and end byte for byte, every blob by
 * digest. Damage is reported, never thrown, and reading goes on to the end, so that one run finds all of it. Throws
 * only what `chunks`, `whole` and watchers throw, and the reason of the signal. Holds one chunk at a time.
 */
export async function checkArchive(
  chunks: AsyncIterable<Buffer | Gap>,
  plan: ArchivePlan,
  options: CheckOptions = {},
): Promise<ArchiveCheck> {
  const whole = options.whole ?? hashHere();
  const regions = new RegionCheck(plan, options.watchers ?? []);
  let size = 0;
  let isWhole = true;
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    if ('gap' in chunk) {
      isWhole = false;
      size += chunk.gap;
      await regions.skip(chunk.gap);
    } else {
      // First, so that whoever takes it elsewhere does so while the blobs are hashed here.
      if (isWhole) await whole.update(chunk);
      size += chunk.length;
      await regions.take(chunk);
    }
    options.onBytes?.(size);
  }
  const found = regions.finish();
  return { ...(isWhole ? { sha256: await whole.digest() } : {}), size, ...found };
}

function hashHere(): ArchiveHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
}

/** Follows the planned regions while bytes arrive in pieces of any length. */
class RegionCheck {
  readonly #planSize: number;
  readonly #watchers: readonly BlobWatcher[];
  readonly #regions: Generator<Region, undefined>;
  readonly #damage: Damage[] = [];
  readonly #lost: LostPlace[] = [];
  #region: Region | undefined;
  /** Of the current region: how many bytes were seen, whether they were as planned and readable, and their hash. */
  #seen = 0;
  #intact = true;
  #readable = true;
  #hash = createHash('sha256');

  constructor(plan: ArchivePlan, watchers: readonly BlobWatcher[]) {
    this.#planSize = plan.size;
    this.#watchers = watchers;
    this.#regions = regionsOf(plan);
    this.#region = this.#regions.next().value;
  }

  async take(chunk: Buffer): Promise<void> {
    let at = 0;
    while (this.#region !== undefined && at < chunk.length) {
      const part = chunk.subarray(at, at + this.#region.size - this.#seen);
      if (this.#readable) await this.#compare(this.#region, part);
      at += part.length;
      await this.#advance(this.#region, part.length);
    }
    if (at < chunk.length && this.#damage.at(-1)?.kind !== 'surplus') {
      this.#damage.push({ kind: 'surplus', entry: endName, offset: this.#planSize });
    }
  }

  async skip(bytes: number): Promise<void> {
    let left = bytes;
    while (this.#region !== undefined && left > 0) {
      const part = Math.min(left, this.#region.size - this.#seen);
      this.#readable = false;
      left -= part;
      await this.#advance(this.#region, part);
    }
  }

  /** Says what was found; what has not arrived by now is missing. */
  finish(): Pick<ArchiveCheck, 'damage' | 'lost'> {
    if (this.#region !== undefined) {
      const { entry, offset } = this.#region;
      this.#damage.push({ kind: 'short', entry, offset: offset + this.#seen });
    }
    for (; this.#region !== undefined; this.#region = this.#regions.next().value) {
      const { kind, offset } = this.#region;
      if (kind === 'blob') this.#lost.push({ blob: this.#region.blob, offset, why: 'missing' });
    }
    return { damage: this.#damage, lost: this.#lost };
  }

  async #compare(region: Region, part: Buffer): Promise<void> {
    if (region.kind === 'blob') {
      this.#hash.update(part);
      for (const watcher of this.#watchers) await watcher.take(region.blob, part);
    } else {
      this.#intact &&= part.equals(region.bytes.subarray(this.#seen, this.#seen + part.length));
    }
  }

  async #advance(region: Region, bytes: number): Promise<void> {
    this.#seen += bytes;
    if (this.#seen === region.size) await this.#conclude(region);
  }

  async #conclude(region: Region): Promise<void> {
    const { kind, entry, offset } = region;
    const unreadable = this.#readable ? {} : { unreadable: true as const };
    if (region.kind === 'blob') {
      const { blob } = region;
      const isIntact = this.#readable && `sha256:${this.#hash.digest('hex')}` === blob.digest;
      if (!isIntact) {
        this.#damage.push({ kind, entry, offset, digest: blob.digest, ...unreadable });
        this.#lost.push({ blob, offset, why: this.#readable ? 'damaged' : 'unreadable' });
      }
      for (const watcher of this.#watchers) await watcher.end(blob, isIntact);
      this.#hash = createHash('sha256');
    } else if (!this.#intact || !this.#readable) {
      this.#damage.push({ kind, entry, offset, ...unreadable });
    }
    this.#seen = 0;
    this.#intact = true;
    this.#readable = true;
    this.#region = this.#regions.next().value;
  }
}
