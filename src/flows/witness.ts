import pLimit from 'p-limit';
import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { BundledImage } from '../bundle/document.ts';
import { testimonyOn, type Difference } from '../pack/witness.ts';
import { requireMetadataFolder } from './metadata-folder.ts';
import type { Resolved } from './resolve.ts';

/** Pages that are read at the same time. */
const concurrency = 16;

/**
 * Compares resolved images with what a copy of demisto/dockerfiles-info says of them (`testimonyOn`). It comes on another
 * way than the images, so it finds out a registry or a mirror that serves something else. Throws `E_USAGE` when the folder
 * cannot be read.
 */
export async function askWitness(resolved: Resolved, folder: string, signal: AbortSignal): Promise<Resolved> {
  await requireMetadataFolder('--witness', folder);
  const limit = pLimit(concurrency);
  const disputes = new Map<string, PackferryError>();
  const ask = async (bundled: BundledImage): Promise<BundledImage> => {
    signal.throwIfAborted();
    const { image } = bundled;
    const { said, differences } = await testimonyOn(image, folder, signal);
    if (said !== 'disagrees') return { ...bundled, witness: said };
    disputes.set(image.reference, dispute(image, differences));
    return bundled;
  };
  const images = await Promise.all(resolved.images.map((image) => limit(ask, image)));
  return { ...resolved, images, disputes };
}

/** The list that a site brings itself, to be compared with bundles. Throws `E_USAGE` when there is no such folder. */
export async function siteWitness(folder: string | undefined): Promise<string | undefined> {
  if (folder !== undefined) await requireMetadataFolder('--witness', folder);
  return folder;
}

function dispute({ reference, source }: LockedImage, differing: readonly Difference[]): PackferryError {
  const facts = differing.map(({ what, said, found }) => `${what} ${said}, but ${source} serves ${found}`);
  return new PackferryError('E_DIGEST_MISMATCH', `${reference}: the witness says ${facts.join('; ')}`, {
    hint: 'Do not use this image before you know why: compare with the vendor, or pull it from another registry.',
  });
}
