import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../core/image.ts';
import type { ArchivePlan } from './plan.ts';
import { endName, regionsOf, type Region, type RegionKind } from './regions.ts';

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
}

export interface ArchiveCheck {
  /** 64 lower-case hex digits over all bytes. */
  readonly sha256: string;
  /** Length in bytes. */
  readonly size: number;
  /** Everything that is wrong, in the order of the archive; empty for an intact one. */
  readonly damage: readonly Damage[];
  /** The blobs whose content is not there as planned: damaged or cut off. */
  readonly lostBlobs: readonly Descriptor[];
}

export interface CheckOptions {
  /** Total bytes read so far. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Compares an archive with its plan in one pass: every header, document, padding and end byte for byte, every blob by
 * digest. Damage is reported, never thrown, and reading goes on to the end, so that one run finds all of it. Throws
 * only what `chunks` throws, and the reason of the signal. Holds one chunk at a time.
 */
export async function checkArchive(
  chunks: AsyncIterable<Buffer>,
  plan: ArchivePlan,
  options: CheckOptions = {},
): Promise<ArchiveCheck> {
  const whole = createHash('sha256');
  const regions = new RegionCheck(plan);
  let size = 0;
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    whole.update(chunk);
    regions.take(chunk);
    size += chunk.length;
    options.onBytes?.(size);
  }
  const { damage, lostBlobs } = regions.finish();
  return { sha256: whole.digest('hex'), size, damage, lostBlobs };
}

/** Follows the planned regions while bytes arrive in pieces of any length. */
class RegionCheck {
  readonly #planSize: number;
  readonly #regions: Generator<Region, undefined>;
  readonly #damage: Damage[] = [];
  readonly #lostBlobs: Descriptor[] = [];
  #region: Region | undefined;
  /** Of the current region: how many bytes were seen, whether they were as planned, and their hash. */
  #seen = 0;
  #intact = true;
  #hash = createHash('sha256');

  constructor(plan: ArchivePlan) {
    this.#planSize = plan.size;
    this.#regions = regionsOf(plan);
    this.#region = this.#regions.next().value;
  }

  take(chunk: Buffer): void {
    let at = 0;
    while (this.#region !== undefined && at < chunk.length) {
      const part = chunk.subarray(at, at + this.#region.size - this.#seen);
      this.#compare(this.#region, part);
      at += part.length;
      if (this.#seen === this.#region.size) this.#conclude(this.#region);
    }
    if (at < chunk.length && this.#damage.at(-1)?.kind !== 'surplus') {
      this.#damage.push({ kind: 'surplus', entry: endName, offset: this.#planSize });
    }
  }

  /** Says what was found; what has not arrived by now is missing. */
  finish(): Pick<ArchiveCheck, 'damage' | 'lostBlobs'> {
    if (this.#region !== undefined) {
      const { entry, offset } = this.#region;
      this.#damage.push({ kind: 'short', entry, offset: offset + this.#seen });
    }
    for (; this.#region !== undefined; this.#region = this.#regions.next().value) {
      if (this.#region.kind === 'blob') this.#lostBlobs.push(this.#region.blob);
    }
    return { damage: this.#damage, lostBlobs: this.#lostBlobs };
  }

  #compare(region: Region, part: Buffer): void {
    if (region.kind === 'blob') this.#hash.update(part);
    else this.#intact &&= part.equals(region.bytes.subarray(this.#seen, this.#seen + part.length));
    this.#seen += part.length;
  }

  #conclude(region: Region): void {
    const { kind, entry, offset } = region;
    if (region.kind === 'blob') {
      const { digest } = region.blob;
      if (`sha256:${this.#hash.digest('hex')}` !== digest) {
        this.#damage.push({ kind, entry, offset, digest });
        this.#lostBlobs.push(region.blob);
      }
      this.#hash = createHash('sha256');
    } else if (!this.#intact) {
      this.#damage.push({ kind, entry, offset });
    }
    this.#seen = 0;
    this.#intact = true;
    this.#region = this.#regions.next().value;
  }
}
