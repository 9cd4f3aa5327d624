import type { BundleDamage, FileResult } from '../core/damage.ts';
import type { PackferryError } from '../core/errors.ts';
import { checkArchiveFile } from './check-archive.ts';
import { checkFile } from './check-file.ts';
import { ImageCheck } from './check-images.ts';
import { LayerCheck, type LayersChecked } from './check-layers.ts';
import { sumOf } from './faults.ts';
import type { FileCheck } from './file-check.ts';
import type { FolderListing } from './folder.ts';
import { withIntactCopies } from './lost-blobs.ts';
import type { OpenBundleOptions } from './open.ts';
import type { ReadDocument } from './read-document.ts';
import type { SignedList } from './signed-list.ts';

export interface FilesChecked {
  readonly files: readonly FileResult[];
  readonly layers?: LayersChecked;
}

/**
 * Reads every file of the list once: archives against their plans, all others against their sums. Without `read`, since
 * bundle.json is lost, archives too are checked by their sums. Throws one error for all damage.
 */
export async function checkFiles(
  listing: FolderListing,
  list: SignedList,
  read: ReadDocument | undefined,
  options: OpenBundleOptions,
): Promise<FilesChecked> {
  const { emit, signal, deep } = options;
  const volumes = read?.volumes ?? [];
  const archives = new Set(volumes.map(({ file }) => file));
  const layers = deep && read !== undefined ? new LayerCheck(read.document.images) : undefined;
  const checks = new Map<string, FileCheck>();
  const contradictions: PackferryError[] = [];
  // Small files first: what is wrong with them is known at once.
  for (const [name, sha256] of list.sums) {
    signal?.throwIfAborted();
    if (!archives.has(name)) checks.set(name, await checkFile(listing, name, sha256, signal));
  }
  const bytes = volumes.reduce((sum, { plan }) => sum + plan.size, 0);
  emit({ type: 'planned', task: 'verify', items: volumes.length, bytes });
  for (const volume of volumes) {
    signal?.throwIfAborted();
    const { file: name } = volume;
    const images = new ImageCheck(volume.images, volume.platform);
    const watchers = layers === undefined ? [images] : [images, layers];
    const sha256 = list.sums.get(name) ?? '';
    checks.set(name, await checkArchiveFile(listing, volume, sha256, { ...options, watchers }));
    contradictions.push(...images.errors);
  }
  const layersChecked = await layers?.finish();
  contradictions.push(...(layers?.errors ?? []));
  emit({ type: 'finished', task: 'verify' });
  const files = [...list.sums.keys()].flatMap((name) => checks.get(name)?.result ?? []);
  const damage = damageOf(list, read, [...checks.values()]);
  const damaged = [...checks.values()].flatMap(({ fault }) => fault ?? []);
  const error = sumOf([...damaged, ...contradictions], {
    header: 'the bundle is damaged',
    hint: 'Copy the damaged files again from where the bundle was made.',
    details: { files, ...(damage === undefined ? {} : { damage }) },
  });
  if (error !== undefined) throw error;
  return { files, ...(layersChecked === undefined ? {} : { layers: layersChecked }) };
}

function damageOf(
  { sumsSha256 }: SignedList,
  read: ReadDocument | undefined,
  checks: readonly FileCheck[],
): BundleDamage | undefined {
  const files = checks.flatMap(({ damaged }) => damaged ?? []);
  if (files.length === 0) return undefined;
  const { name, sequence } = read?.document ?? {};
  return {
    bundle: {
      ...(name === undefined ? {} : { name }),
      ...(sequence === undefined ? {} : { sequence }),
      sumsSha256,
    },
    files,
    blobs: withIntactCopies(
      checks.flatMap(({ lost }) => lost),
      read?.volumes ?? [],
    ),
    blobsKnown: read !== undefined,
  };
}
