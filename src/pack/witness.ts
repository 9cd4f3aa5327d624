import path from 'node:path';
import type { Digest } from '../core/digest.ts';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { parseReference } from '../core/reference.ts';
import { decodeText, readFile } from './read-file.ts';
import { readWitnessPage, type WitnessPage } from './witness-page.ts';

/** What a witness says of an image: nothing, or what it knows of it, all of which may be equal to what was found. */
export interface Testimony {
  readonly said: 'agrees' | 'disagrees' | 'absent';
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly what: string;
  readonly said: Digest;
  readonly found: Digest;
}

/**
 * Compares an image with its page in a copy of demisto/dockerfiles-info: the config digest ("Image ID") and the signed
 * manifest digest. No page, or one without digests, is absence.
 */
export async function testimonyOn(
  image: Pick<LockedImage, 'reference' | 'manifest' | 'config'>,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Testimony> {
  const page = await pageOf(image.reference, folder, signal);
  const { imageId, manifest } = page ?? {};
  const known = [
    ...(imageId === undefined ? [] : [{ what: 'image ID', said: imageId, found: image.config.digest }]),
    ...(manifest === undefined ? [] : [{ what: 'manifest', said: manifest, found: image.manifest.digest }]),
  ];
  const differences = known.filter(({ said, found }) => said !== found);
  if (differences.length > 0) return { said: 'disagrees', differences };
  return { said: known.length > 0 ? 'agrees' : 'absent', differences };
}

/** The page on an image. Only images of Docker Hub have one, whatever mirror they came from. */
async function pageOf(
  reference: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<WitnessPage | undefined> {
  const { registry, repository, tag } = parseReference(reference);
  if (registry !== 'docker.io' || tag === undefined || reference.includes('@')) return undefined;
  const file = path.join(folder, ...repository.split('/'), `${tag}.md`);
  const bytes = await readIfThere(file, signal);
  if (bytes === undefined) return undefined;
  return readWitnessPage(decodeText(bytes, file, 'E_USAGE'), `${repository}:${tag}`, tag);
}

async function readIfThere(file: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file, { code: 'E_USAGE', maxBytes: limits.witnessPage, signal });
  } catch (fault) {
    const cause = fault instanceof PackferryError ? fault.cause : fault;
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '')) return undefined;
    throw fault;
  }
}
