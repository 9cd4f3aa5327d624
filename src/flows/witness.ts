import path from 'node:path';
import pLimit from 'p-limit';
import type { Digest } from '../core/digest.ts';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { parseReference } from '../core/reference.ts';
import type { BundledImage } from '../bundle/document.ts';
import { decodeText, readFile } from '../pack/read-file.ts';
import { requireMetadataFolder } from './metadata-folder.ts';
import type { Resolved } from './resolve.ts';
import { readWitnessPage, type WitnessPage } from './witness-page.ts';

/** Pages that are read at the same time. */
const concurrency = 16;

/**
 * Compares resolved images with what a copy of demisto/dockerfiles-info says of them: the config digest ("Image ID") and
 * the signed manifest digest. It comes on another way than the images, so it finds out a registry or a mirror that serves
 * something else. An image agrees when there is a page with digests and all of them are equal; no page or none with
 * digests is absence, and is told apart. Throws `E_USAGE` when the folder cannot be read.
 */
export async function askWitness(resolved: Resolved, folder: string, signal: AbortSignal): Promise<Resolved> {
  await requireMetadataFolder('--witness', folder);
  const limit = pLimit(concurrency);
  const disputes = new Map<string, PackferryError>();
  const ask = async (bundled: BundledImage): Promise<BundledImage> => {
    signal.throwIfAborted();
    const { image } = bundled;
    const page = await pageOf(image, folder, signal);
    const known = page === undefined ? [] : comparisons(image, page);
    const differing = known.filter(({ said, found }) => said !== found);
    if (differing.length > 0) {
      disputes.set(image.reference, dispute(image, differing));
      return bundled;
    }
    return { ...bundled, witness: known.length > 0 ? 'agrees' : 'absent' };
  };
  const images = await Promise.all(resolved.images.map((image) => limit(ask, image)));
  return { ...resolved, images, disputes };
}

/** The page on an image. Only images of Docker Hub have one, whatever mirror they came from. */
async function pageOf(
  { reference }: LockedImage,
  folder: string,
  signal: AbortSignal,
): Promise<WitnessPage | undefined> {
  const { registry, repository, tag } = parseReference(reference);
  if (registry !== 'docker.io' || tag === undefined || reference.includes('@')) return undefined;
  const file = path.join(folder, ...repository.split('/'), `${tag}.md`);
  const bytes = await readIfThere(file, signal);
  if (bytes === undefined) return undefined;
  return readWitnessPage(decodeText(bytes, file, 'E_USAGE'), `${repository}:${tag}`, tag);
}

async function readIfThere(file: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file, { code: 'E_USAGE', maxBytes: limits.witnessPage, signal });
  } catch (fault) {
    const cause = fault instanceof PackferryError ? fault.cause : fault;
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '')) return undefined;
    throw fault;
  }
}

interface Comparison {
  readonly what: string;
  readonly said: Digest;
  readonly found: Digest;
}

function comparisons({ manifest, config }: LockedImage, page: WitnessPage): Comparison[] {
  const { imageId, manifest: signed } = page;
  return [
    ...(imageId === undefined ? [] : [{ what: 'image ID', said: imageId, found: config.digest }]),
    ...(signed === undefined ? [] : [{ what: 'manifest', said: signed, found: manifest.digest }]),
  ];
}

function dispute({ reference, source }: LockedImage, differing: readonly Comparison[]): PackferryError {
  const facts = differing.map(({ what, said, found }) => `${what} ${said}, but ${source} serves ${found}`);
  return new PackferryError('E_DIGEST_MISMATCH', `${reference}: the witness says ${facts.join('; ')}`, {
    hint: 'Do not use this image before you know why: compare with the vendor, or pull it from another registry.',
  });
}
