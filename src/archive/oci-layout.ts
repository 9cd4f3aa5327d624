import { addAbortSignal, type Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import type { LayoutIndex } from '../schema/oci-layout.ts';
import { readRange } from './file-range.ts';
import { blobFile, hasBlob, missingBlob, readLayout } from './layout-folder.ts';
import { referenceOfEntry } from './layout-names.ts';
import { resolveInLayout } from './layout-resolve.ts';

/**
 * Opens an OCI image layout folder as a source, with `index.json` as it stands now. Throws `E_SOURCE_UNREACHABLE`
 * when the folder is no layout.
 */
export async function openOciLayout(dir: string): Promise<ImageSource> {
  const index = await requireLayout(dir);
  return {
    name: `oci:${dir}`,
    resolve: (reference, platform, signal): Promise<LockedImage> =>
      resolveInLayout(dir, index, reference, platform, signal),
    listImages: () => Promise.resolve(index.manifests.flatMap((entry) => referenceOfEntry(entry) ?? [])),
    openBlob: (_image, blob, options) => openBlob(dir, blob, options),
    close: () => Promise.resolve(),
  };
}

/** `index.json` of an OCI image layout folder. Throws `E_SOURCE_UNREACHABLE` when the folder is none. */
export async function requireLayout(dir: string): Promise<LayoutIndex> {
  const index = await readLayout(dir);
  if (index !== undefined) return index;
  throw new PackferryError('E_SOURCE_UNREACHABLE', `oci:${dir}: no OCI image layout there`, {
    hint: 'Give the folder that holds the files "oci-layout" and "index.json".',
  });
}

async function openBlob(dir: string, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
  if (!(await hasBlob(dir, blob))) throw missingBlob(dir, blob);
  const content = readRange(blobFile(dir, blob.digest), options.from ?? 0, blob.size);
  return options.signal === undefined ? content : addAbortSignal(options.signal, content);
}
