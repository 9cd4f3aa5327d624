import { createHash } from 'node:crypto';
import { asPackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { missingFile, type FileCheck } from './file-check.ts';
import { atMost, openBundleStream, readingFile, type FolderListing } from './folder.ts';
import { bundleFiles, looksLikeArchive, packFolder } from './names.ts';
import { damaged } from './signed-list.ts';

/** Checks a file by its sum. One that is missing or cannot be read is a result too. Throws the reason of the signal only. */
export async function checkFile(
  listing: FolderListing,
  name: string,
  sha256: string,
  signal?: AbortSignal,
): Promise<FileCheck> {
  if (!listing.files.has(name)) {
    const damage = { file: name, sha256, why: 'missing' } as const;
    return { result: { file: name, result: 'missing' }, fault: missingFile(name), damaged: damage, lost: [] };
  }
  try {
    const got = await hashFile(listing, name, signal);
    if (got.sha256 === sha256) return { result: { file: name, ...got, result: 'good' }, lost: [] };
    return {
      result: { file: name, ...got, result: 'damaged' },
      fault: damaged(name, sha256, got.sha256),
      damaged: { file: name, sha256, why: 'damaged' },
      lost: [],
    };
  } catch (cause) {
    signal?.throwIfAborted();
    const fault = asPackferryError(cause);
    const why = fault.code === 'E_BUNDLE_INCOMPLETE' ? 'unreadable' : 'damaged';
    return { result: { file: name, result: why }, fault, damaged: { file: name, sha256, why }, lost: [] };
  }
}

async function hashFile(
  listing: FolderListing,
  name: string,
  signal: AbortSignal | undefined,
): Promise<{ bytes: number; sha256: string }> {
  const aborting = signal === undefined ? {} : { signal };
  const content = await openBundleStream(listing.dir, name, atMost(name, limitOf(name)), {
    ...aborting,
    seen: listing.files.get(name),
  });
  const hash = createHash('sha256');
  let bytes = 0;
  const readAll = async (): Promise<void> => {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  };
  await readingFile(name, readAll, signal);
  return { bytes, sha256: hash.digest('hex') };
}

function limitOf(name: string): number {
  if (name === bundleFiles.importer) return limits.importer;
  // Only where bundle.json, which has their sizes, is lost.
  if (looksLikeArchive(name)) return Number.MAX_SAFE_INTEGER;
  return name.startsWith(`${packFolder}/`) ? limits.carriedPack : limits.bundleText;
}
