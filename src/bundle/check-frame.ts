import type { FileHandle } from 'node:fs/promises';
import { regionsOf, type Region } from '../archive/regions.ts';
import { digestOf } from '../core/digest.ts';
import type { ImageCheck } from './check-images.ts';
import { openBundleFile, readingFile, type FolderListing } from './folder.ts';
import type { ReadVolume } from './read-document.ts';

export interface FrameOptions {
  /** Sees the images' own documents, which are read as well: they are blobs. */
  readonly documents?: ImageCheck | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Does an archive have the planned length, and is all that is no blob as planned: headers, documents, padding, the end? Reads
 * that alone, some 1 kB for each blob. False also where it cannot be read: what is wrong shows when it is checked in full.
 */
export async function isFrameIntact(
  listing: FolderListing,
  { file, plan }: ReadVolume,
  { documents, signal }: FrameOptions = {},
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
        if (documents?.wants(region.blob) === true) await show(handle, region, documents);
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

/** What of it cannot be read is as good as damaged: it shows when the archive is checked in full. */
async function show(
  handle: FileHandle,
  { blob, offset, size }: Region & { readonly kind: 'blob' },
  documents: ImageCheck,
): Promise<void> {
  const { buffer, bytesRead } = await handle
    .read(Buffer.alloc(size), 0, size, offset)
    .catch(() => ({ buffer: Buffer.alloc(0), bytesRead: 0 }));
  documents.take(blob, buffer.subarray(0, bytesRead));
  documents.end(blob, digestOf(buffer.subarray(0, bytesRead)) === blob.digest);
}

async function stands(handle: FileHandle, expected: Buffer, at: number): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(expected.length), 0, expected.length, at);
  return bytesRead === expected.length && buffer.equals(expected);
}
