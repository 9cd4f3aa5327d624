import type { BundleDamage, FileResult } from '../core/damage.ts';
import type { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { someOf } from '../core/some-of.ts';
import type { BlobTap } from './blob-tap.ts';
import { checkArchiveFile } from './check-archive.ts';
import { checkFile } from './check-file.ts';
import { ImageCheck } from './check-images.ts';
import { LayerCheck, type LayersChecked } from './check-layers.ts';
import { sumOf, throwAll } from './faults.ts';
import type { FileCheck } from './file-check.ts';
import type { FolderListing } from './folder.ts';
import { hashBesideFor, type HashBeside } from './hash-beside.ts';
import { intactLayers, withIntactCopies } from './lost-blobs.ts';
import type { OpenBundleOptions } from './open.ts';
import type { ReadDocument } from './read-document.ts';
import type { SignedList } from './signed-list.ts';

export interface FilesChecked {
  readonly files: readonly FileResult[];
  readonly layers?: LayersChecked;
}

/** bundle.json, and what was found of it when it was read. */
export interface OwnWord {
  readonly read: ReadDocument;
  readonly own: FileResult;
}

/** Blobs are taken from the archives while they are checked. */
export interface TappedCheck {
  readonly tap: BlobTap;
  /** Called between the other files and the archives, with whether all was good so far. */
  readonly beforeArchives: (isGood: boolean) => Promise<void>;
}

/**
 * Reads every file of the list once: archives against their plans, all others against their sums. Without `word`, since
 * bundle.json is lost, archives too are checked by their sums. Throws one error for all damage.
 */
export async function checkFiles(
  listing: FolderListing,
  list: SignedList,
  word: OwnWord | undefined,
  options: OpenBundleOptions,
  tapped?: TappedCheck,
): Promise<FilesChecked> {
  // Decompressing takes what processors there are by itself. The thread starts while small files are read.
  const hashes = options.deep === true ? undefined : hashBesideFor(archiveBytes(word));
  try {
    return await checkEach(listing, list, word, { ...options, hashes }, tapped);
  } finally {
    await hashes?.close();
  }
}

function archiveBytes(word: OwnWord | undefined): number {
  return (word?.read.volumes ?? []).reduce((sum, { plan }) => sum + plan.size, 0);
}

async function checkEach(
  listing: FolderListing,
  list: SignedList,
  word: OwnWord | undefined,
  options: OpenBundleOptions & { readonly hashes: HashBeside | undefined },
  tapped: TappedCheck | undefined,
): Promise<FilesChecked> {
  const read = word?.read;
  const { emit, signal, deep } = options;
  const volumes = read?.volumes ?? [];
  const archives = new Set(volumes.map(({ file }) => file));
  const layers = deep && read !== undefined ? new LayerCheck(read.document.images) : undefined;
  const checks = new Map<string, FileCheck>();
  if (word !== undefined) checks.set(word.own.file, { result: word.own, lost: [] });
  const contradictions: PackferryError[] = [];
  // Small files first: what is wrong with them is known at once.
  for (const [name, sha256] of list.sums) {
    signal?.throwIfAborted();
    if (!archives.has(name) && !checks.has(name))
      checks.set(name, await checkFile(listing, name, sha256, signal));
  }
  await tapped?.beforeArchives([...checks.values()].every(({ fault }) => fault === undefined));
  emit({ type: 'planned', task: 'verify', items: volumes.length, bytes: archiveBytes(word) });
  for (const volume of volumes) {
    signal?.throwIfAborted();
    const { file: name } = volume;
    const images = new ImageCheck(volume.images, volume.platform);
    // The tap comes last: it hands on what the others have passed.
    const watchers = [images, layers ?? [], tapped?.tap ?? []].flat();
    const sha256 = list.sums.get(name) ?? '';
    tapped?.tap.enter(name, layers);
    checks.set(name, await checkArchiveFile(listing, volume, sha256, { ...options, watchers }));
    tapped?.tap.leave(name);
    contradictions.push(...images.errors);
  }
  const layersChecked = await layers?.finish();
  if (layersChecked !== undefined) tellNotChecked(layersChecked, emit);
  contradictions.push(...(layers?.errors ?? []));
  emit({ type: 'finished', task: 'verify' });
  const files = [...list.sums.keys()].flatMap((name) => checks.get(name)?.result ?? []);
  options.observe?.({ kind: 'files', files });
  const damage = damageOf(list, read, [...checks.values()]);
  const damaged = sumOf(
    [...checks.values()].flatMap(({ fault }) => fault ?? []),
    {
      header: 'the bundle is damaged',
      hint: 'Copy the damaged files again from where the bundle was made.',
      ...(damage === undefined ? {} : { details: { damage } }),
    },
  );
  throwAll([...(damaged === undefined ? [] : [damaged]), ...contradictions], {
    header: 'the bundle is not what it should be',
    details: { files },
  });
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
  const lost = checks.flatMap((check) => check.lost);
  return {
    bundle: {
      ...(name === undefined ? {} : { name }),
      ...(sequence === undefined ? {} : { sequence }),
      sumsSha256,
    },
    files,
    blobs: withIntactCopies(lost, read?.volumes ?? []),
    blobsKnown: read !== undefined,
    ...(read === undefined ? {} : { intactLayers: intactLayers(lost, read.volumes) }),
  };
}

function tellNotChecked({ notChecked }: LayersChecked, emit: Emit): void {
  if (notChecked.length === 0) return;
  const which = someOf(notChecked.map((digest) => digest.slice(7, 19)));
  const message = `not decompressed: ${notChecked.length} layers in zstd (${which}); Node 22.15 or later can`;
  emit({ type: 'note', level: 'warning', message });
}
