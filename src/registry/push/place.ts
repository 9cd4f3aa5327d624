import type { LockedImage } from '../../core/image.ts';
import { parseReference, type ImageReference } from '../../core/reference.ts';
import type { Endpoint } from '../endpoint.ts';

/** Where an image goes. */
export interface Place {
  /** The path of its repository at the endpoint, with the endpoint's prefix. */
  readonly path: string;
  /** What its manifest is put under: its tag, or the digest of an image that has none. */
  readonly name: string;
  readonly isTag: boolean;
  /** The whole name there, as people write it. */
  readonly text: string;
}

/**
 * The place of an image at an endpoint: the path of its name without the registry, as engines look for it that are told to
 * take everything from there (XSOAR's `python.docker.registry`): docker.io/demisto/python3:3.12 becomes
 * HOST/PREFIX/demisto/python3:3.12.
 */
export function placeOf(endpoint: Endpoint, image: Pick<LockedImage, 'reference' | 'manifest'>): Place {
  const reference = parseReference(image.reference);
  return placeNamed(endpoint, { ...reference, digest: image.manifest.digest });
}

/** The same for a name. */
export function placeNamed(endpoint: Endpoint, { repository, tag, digest = '' }: PlaceName): Place {
  const path = `${endpoint.prefix}${repository}`;
  const text = `${endpoint.host}/${path}${tag === undefined ? `@${digest}` : `:${tag}`}`;
  return { path, name: tag ?? digest, isTag: tag !== undefined, text };
}

type PlaceName = Omit<ImageReference, 'digest'> & { readonly digest?: string };
