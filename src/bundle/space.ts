import { readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { formatSize } from '../core/size.ts';
import type { BundleImporter } from '../schema/bundle.ts';
import type { CarriedPack } from './carried-packs.ts';
import { blobPlaces, type PlannedVolume } from './document.ts';
import { packFolder, partName } from './names.ts';
import { removeAside } from './set-aside.ts';
import type { UnfinishedExport } from './unfinished.ts';

export interface RoomOptions {
  readonly dir: string;
  readonly volumes: readonly PlannedVolume[];
  readonly importer: BundleImporter | undefined;
  readonly packs: readonly CarriedPack[];
  /** What earlier runs with other content have left there. */
  readonly unfinished: readonly UnfinishedExport[];
  /** Blobs that are copied at the same time. */
  readonly jobs: number;
  readonly emit: Emit;
}

/**
 * Refuses before the first byte when the disk cannot hold the bundle (`E_DISK_FULL`). What earlier runs have left stays
 * until the bundle is finished where there is room for both; else it gives its room back blob by blob; where even that
 * is too much it is dropped, and that is said. Returns what of it may be used.
 */
export async function makeRoom(options: RoomOptions): Promise<readonly UnfinishedExport[]> {
  const { dir, volumes, unfinished, jobs } = options;
  const need = await neededFor(options);
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (need <= free) return unfinished;

  const blobs = new Map(
    volumes.flatMap(({ plan }) => blobPlaces(plan).map((place) => [place.digest, place] as const)),
  );
  const lent = [...blobs.values()]
    .map((blob) => Math.max(0, ...unfinished.map((lender) => lender.held(blob))))
    .sort((a, b) => b - a);
  // What is being copied stands in both places until it is safe.
  const moving = sumOf(lent.slice(0, jobs + 1));
  if (sumOf(lent) > 0 && need - sumOf(lent) + moving <= free) {
    const wanted = new Set<Digest>(blobs.keys());
    for (const lender of unfinished) await lender.giveRoomBack(wanted);
    return unfinished;
  }
  const left = sumOf(await Promise.all(unfinished.map((lender) => lender.allocated())));
  if (need > free + left) throw diskFull(dir, need, free);
  return dropAll(options, `it needs ${formatSize(need)}, the disk has ${formatSize(free)} free`);
}

/** Drops what earlier runs have left, and says why. */
export async function dropAll({ dir, emit }: RoomOptions, why: string): Promise<readonly UnfinishedExport[]> {
  const message = `${dir}: what was fetched before the content changed is dropped, since the disk cannot hold the bundle beside it: ${why}`;
  emit({ type: 'note', level: 'warning', message });
  await removeAside(dir);
  return [];
}

function diskFull(dir: string, need: number, free: number): PackferryError {
  const message = `${dir}: the bundle needs ${formatSize(need)}, the disk has ${formatSize(free)} free`;
  return new PackferryError('E_DISK_FULL', message, { hint: 'Free some space, or write to another disk.' });
}

/** What stands beside the archives whatever they hold: the loader script, README, signatures, the head of bundle.json. */
const besideArchives = 128 * 1024;
/** A blob in bundle.json and in the journal. */
const besideBlob = 1024;

async function neededFor({ dir, volumes, importer, packs }: RoomOptions): Promise<number> {
  const blobs = volumes.reduce((sum, { plan }) => sum + blobPlaces(plan).length, 0);
  let need = besideArchives + blobs * besideBlob;
  const files = [
    ...volumes.map(({ file, plan }) => ({ file, size: plan.size })),
    ...(importer === undefined ? [] : [importer]),
  ];
  for (const { file, size } of files) {
    // What an earlier run took counts as it lies on the disk: some file systems allocate a file when it is made.
    const kept = await Promise.all([file, partName(file)].map((name) => allocated(path.join(dir, name))));
    need += Math.max(0, size - Math.max(...kept));
  }
  // Those of an earlier run are written anew in their own room. One that is missing is told by whoever copies it.
  const zips = await Promise.all(packs.map(({ zip }) => allocated(zip)));
  const there = await readdir(path.join(dir, packFolder)).catch(() => []);
  const kept = await Promise.all(there.map((name) => allocated(path.join(dir, packFolder, name))));
  return need + Math.max(0, sumOf(zips) - sumOf(kept));
}

/** Bytes that a file takes on the disk; 0 when there is none. */
async function allocated(file: string): Promise<number> {
  const stats = await stat(file).catch(() => undefined);
  return (stats?.blocks ?? 0) * 512;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
