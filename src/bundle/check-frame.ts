import type { FileHandle } from 'node:fs/promises';
import { regionsOf } from '../archive/regions.ts';
import { openBundleFile, readingFile, type FolderListing } from './folder.ts';
import type { ReadVolume } from './read-document.ts';

/**
 * Does an archive have the planned length, and is all that is no blob as planned: headers, documents, padding, the end? Reads
 * that alone, some 1 kB for each blob. False also where it cannot be read: what is wrong shows when it is checked in full.
 */
export async function isFrameIntact(
  listing: FolderListing,
  { file, plan }: ReadVolume,
  signal?: AbortSignal,
): Promise<boolean> {
  if (listing.files.get(file)?.size !== plan.size) return false;
  const look = async (): Promise<boolean> => {
    const handle = await openBundleFile(listing.dir, file, listing.files.get(file));
    try {
      let expected: Buffer[] = [];
      let start = 0;
      for (const region of regionsOf(plan)) {
        signal?.throwIfAborted();
        if (region.kind !== 'blob') {
          expected.push(region.bytes);
          continue;
        }
        if (!(await stands(handle, Buffer.concat(expected), start))) return false;
        expected = [];
        start = region.offset + region.size;
      }
      return await stands(handle, Buffer.concat(expected), start);
    } finally {
      await handle.close();
    }
  };
  try {
    return await readingFile(file, look, signal);
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

async function stands(handle: FileHandle, expected: Buffer, at: number): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(expected.length), 0, expected.length, at);
  return bytesRead === expected.length && buffer.equals(expected);
}
