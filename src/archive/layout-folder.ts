import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { collect } from '../core/collect.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { mediaTypes } from '../core/media-types.ts';
import { digestMismatch, sizeMismatch } from '../core/verify-stream.ts';
import type { LayoutIndex } from '../schema/oci-layout.ts';
import { readRange } from './file-range.ts';
import { checkLayoutMarker, parseLayoutIndex } from './oci-documents.ts';
import { blobPath } from './save-documents.ts';

/** The names of the two files that make a folder an OCI image layout. */
export const layoutFiles = { marker: 'oci-layout', index: 'index.json' } as const;

/** The size of the regular file under this name; undefined when there is none. Links do not count. */
export async function regularFileSize(file: string): Promise<number | undefined> {
  try {
    const stats = await lstat(file);
    return stats.isFile() ? stats.size : undefined;
  } catch (fault) {
    const code = systemCodeOf(fault);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw fault;
  }
}

/** Where a blob lies. A digest has no characters that could lead out of the folder. */
export function blobFile(dir: string, digest: Digest): string {
  return path.join(dir, blobPath({ digest }));
}

/** Is the blob there, as a regular file of the right length? Its content may be anything. */
export async function hasBlob(dir: string, blob: Descriptor): Promise<boolean> {
  return (await regularFileSize(blobFile(dir, blob.digest))) === blob.size;
}

/** What holds until `index.json` is there. */
const emptyIndex: LayoutIndex = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };

/** `index.json` of a folder that says it is an OCI image layout; undefined when it does not say so. */
export async function readLayout(dir: string): Promise<LayoutIndex | undefined> {
  const marker = await readSmallFile(path.join(dir, layoutFiles.marker), limits.layoutMarker);
  if (marker === undefined) return undefined;
  checkLayoutMarker(marker, path.join(dir, layoutFiles.marker));
  const file = path.join(dir, layoutFiles.index);
  const index = await readSmallFile(file, limits.layoutIndex);
  return index === undefined ? emptyIndex : parseLayoutIndex(index, file);
}

/**
 * A document out of the blobs, with its size and digest checked. Throws `E_IMAGE_MALFORMED` when the folder does not
 * hold it, `E_LIMIT_EXCEEDED`, `E_SIZE_MISMATCH` or `E_DIGEST_MISMATCH`.
 */
export async function readDocument(dir: string, blob: Descriptor, maxBytes: number): Promise<Buffer> {
  const file = blobFile(dir, blob.digest);
  const bytes = await readSmallFile(file, maxBytes);
  if (bytes === undefined) throw missingBlob(dir, blob);
  if (bytes.length !== blob.size) throw sizeMismatch(file, blob.size, String(bytes.length));
  const got = digestOf(bytes);
  if (got !== blob.digest) throw digestMismatch(file, blob.digest, got);
  return bytes;
}

/** The error for a layout that names a blob which it does not hold. */
export function missingBlob(dir: string, blob: Descriptor): PackferryError {
  return new PackferryError('E_IMAGE_MALFORMED', `oci:${dir}: ${blobPath(blob)} is missing`, {
    hint: 'The folder is incomplete: copy it again.',
  });
}

async function readSmallFile(file: string, maxBytes: number): Promise<Buffer | undefined> {
  if ((await regularFileSize(file)) === undefined) return undefined;
  return collect(readRange(file, 0, maxBytes + 1), maxBytes, file);
}
