import { stat } from 'node:fs/promises';
import path from 'node:path';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { sumUp } from '../../core/sum-up.ts';
import { readBuiltMetadata, type PackVersion } from './documents.ts';
import { refuseAborted } from './fault.ts';
import { hintForVersion } from './find-version.ts';
import type { Marketplace } from './marketplace.ts';
import { zipPathOf } from './pack-names.ts';
import { isAbsence } from './refusal.ts';
import { Zip } from './zip.ts';

/** One version of one pack. */
export interface PackKey {
  readonly id: string;
  readonly version: string;
}

export interface DownloadedPack extends PackKey {
  /** The path of its zip in the cache. */
  readonly zip: string;
}

/**
 * Downloads a pack into the cache, unless it is there. Either way the whole zip is checked: every member against its
 * checksum, and that it is this pack in this version (otherwise `E_PACK_INVALID`). A version that the bucket does not
 * have is `E_PACK_NOT_FOUND`.
 */
export async function downloadPack(
  marketplace: Marketplace,
  { id, version }: PackKey,
): Promise<DownloadedPack> {
  const { emit } = marketplace;
  const key = { id, version };
  return marketplace.limit(async () => {
    try {
      const zip = path.join(marketplace.folder, ...zipPathOf(id, version).split('/'));
      if (await isCached(marketplace, zip, key)) {
        emit({
          type: 'skipped',
          task: 'pull',
          item: id,
          reason: 'in the cache',
          bytes: (await stat(zip)).size,
        });
      } else {
        await fetchPack(marketplace, zip, key);
      }
      return { ...key, zip };
    } catch (fault) {
      refuseAborted(marketplace.signal, nameOf(key));
      const error = await explained(marketplace, asPackferryError(fault), key);
      emit({ type: 'failed', task: 'pull', item: id, error });
      throw error;
    }
  });
}

/** Downloads packs, several at once. Tries all of them; everything that failed is in one error. */
export async function downloadPacks(
  marketplace: Marketplace,
  packs: readonly PackKey[],
): Promise<DownloadedPack[]> {
  const results = await Promise.allSettled(packs.map((pack) => downloadPack(marketplace, pack)));
  refuseAborted(marketplace.signal, marketplace.name);
  const failed = results.filter((result) => result.status === 'rejected');
  if (failed.length > 0) {
    const errors = failed.map((result) => asPackferryError(result.reason));
    throw sumUp(errors[0]?.code ?? 'E_INTERNAL', marketplace.name, errors);
  }
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** Reads the metadata of a zip of a pack; it must be this pack in this version. */
export async function readPackZip(file: string, { id, version }: PackKey): Promise<PackVersion> {
  return withPackZip(file, { id, version }, (_zip, metadata) => Promise.resolve(metadata));
}

async function isCached({ signal }: Marketplace, file: string, key: PackKey): Promise<boolean> {
  try {
    await verifyPackZip(file, key, signal);
    return true;
  } catch {
    // Not there or damaged: both are healed by a download.
    refuseAborted(signal, nameOf(key));
    return false;
  }
}

async function fetchPack({ bucket, emit, signal }: Marketplace, file: string, key: PackKey): Promise<void> {
  const { id, version } = key;
  let most = 0;
  emit({ type: 'started', task: 'pull', item: id });
  const got = await bucket.download({
    url: zipPathOf(id, version),
    file,
    what: nameOf(key),
    maxBytes: limits.marketplacePack,
    onBytes: (bytes) => {
      most = Math.max(most, bytes);
      emit({ type: 'progress', task: 'pull', item: id, bytes: most });
    },
    check: (part) => verifyPackZip(part, key, signal),
  });
  emit({ type: 'done', task: 'pull', item: id, bytes: got?.bytes ?? most });
}

async function verifyPackZip(file: string, key: PackKey, signal: AbortSignal | undefined): Promise<void> {
  await withPackZip(file, key, (zip) => zip.verify(signal));
}

async function withPackZip<T>(
  file: string,
  key: PackKey,
  use: (zip: Zip, metadata: PackVersion) => Promise<T>,
): Promise<T> {
  const what = nameOf(key);
  const zip = await Zip.open(file, { what });
  try {
    const bytes = await zip.read('metadata.json', limits.marketplaceDocument);
    if (bytes === undefined)
      throw new PackferryError('E_PACK_INVALID', `${what}: its zip has no metadata.json`);
    const metadata = readBuiltMetadata(bytes, `${what}: metadata.json`);
    if (metadata.id !== key.id || metadata.version !== key.version) {
      const found = `${metadata.id ?? 'a pack without id'} ${metadata.version ?? 'without version'}`;
      throw new PackferryError('E_PACK_INVALID', `${what}: its zip holds ${found} instead`, {
        hint: 'The marketplace or something on the way to it has mixed up packs. Try again later.',
      });
    }
    return await use(zip, metadata);
  } finally {
    zip.close();
  }
}

async function explained(
  marketplace: Marketplace,
  error: PackferryError,
  { id, version }: PackKey,
): Promise<PackferryError> {
  if (!isAbsence(error)) return error;
  const hint = marketplace.index.state.paid.has(id)
    ? 'This pack costs something, so it is not given to everyone: download it in XSOAR and name its zip as a path.'
    : await hintForVersion(marketplace, id, version);
  return new PackferryError('E_PACK_NOT_FOUND', error.message, { hint, cause: error });
}

function nameOf({ id, version }: PackKey): string {
  return `pack ${id} ${version}`;
}
