import { PackferryError } from '../core/errors.ts';
import { BlobPlaces } from './blob-places.ts';
import { readUnbelieved } from './folder-source.ts';
import type { BlobLender } from './lender.ts';

/**
 * What an earlier bundle has, for an export that need not fetch it again. No signature is asked for: blobs count by
 * their digests only, and who borrows hashes them. Nothing but bundle.json is read, strictly; the folder may be
 * read-only. Throws `E_BUNDLE_NOT_FOUND`, or what is wrong with the folder or its document.
 */
export async function openFolderLender(dir: string): Promise<BlobLender> {
  const name = `bundle:${dir}`;
  const places = new BlobPlaces(dir, await readUnbelieved(dir));
  return {
    name,
    held: (blob) => (places.has(blob) ? blob.size : 0),
    async open(digest, from, signal) {
      const content = await places.open(digest, { from, signal });
      if (content !== undefined) return content;
      throw new PackferryError('E_IMAGE_NOT_FOUND', `${name} has no blob ${digest}`);
    },
  };
}
