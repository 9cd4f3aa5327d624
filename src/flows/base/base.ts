import { chainIdsOf } from '../../core/chain-id.ts';
import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import type { Descriptor } from '../../core/image.ts';
import { plainWords } from '../../core/plain-words.ts';
import { formatReference, parseReference } from '../../core/reference.ts';

/** What an export builds on: the far side has it, or will have it at hand. */
export interface Base {
  /** As it was given, for messages. */
  readonly given: string;
  /** What bundles call it. */
  readonly name: string;
  /** Does it have this layer, on top of the very layers that the chain ID stands for? */
  readonly find: (layer: Pick<Descriptor, 'digest'>, chainId: Digest) => Found | undefined;
}

export interface Found {
  /** An image there that has it. */
  readonly image?: string;
}

/** An image that somebody has, its layers bottom first. */
export interface HeldImage {
  readonly reference: string;
  /** The digest of the blob is unknown where layers are kept unpacked. */
  readonly layers: readonly { readonly diffId: Digest; readonly digest?: Digest }[];
}

/**
 * A base of images. Of several holders, only what all of them have counts: the same bundle goes to all. A layer counts only
 * with the same layers below it: Docker's classic store and Podman cannot use it for another stack.
 */
export function baseOfImages(given: string, name: string, holders: readonly (readonly HeldImage[])[]): Base {
  const indexes = holders.map(indexOf);
  return {
    given,
    name: plainWords(name),
    find: ({ digest }, chainId) => {
      const found = indexes.map((index) => {
        const there = index.get(chainId);
        return there?.get(digest) ?? there?.get('any');
      });
      const [image] = found;
      if (image === undefined || found.includes(undefined)) return undefined;
      return isName(image) ? { image } : {};
    },
  };
}

/** A base of blobs that will be at hand when the images are put together, so that it does not matter what lies below them. */
export function baseOfBlobs(given: string, name: string, digests: readonly Digest[]): Base {
  const there = new Set(digests);
  return {
    given,
    name: plainWords(name),
    find: ({ digest }) => (there.has(digest) ? {} : undefined),
  };
}

/** The first image that has it, by the digest of its blob, by the chain ID. */
type Index = ReadonlyMap<Digest, ReadonlyMap<Digest | 'any', string>>;

function indexOf(images: readonly HeldImage[]): Index {
  const index = new Map<Digest, Map<Digest | 'any', string>>();
  for (const { reference, layers } of images) {
    for (const [at, chainId] of chainIdsOf(layers.map(({ diffId }) => diffId)).entries()) {
      const digest = layers[at]?.digest ?? 'any';
      const there = index.get(chainId) ?? new Map<Digest | 'any', string>();
      index.set(chainId, there);
      if (!there.has(digest)) there.set(digest, reference);
    }
  }
  return index;
}

/** Files from elsewhere may have anything for a name. */
function isName(text: string): boolean {
  if (text.length > 1024) return false;
  try {
    return formatReference(parseReference(text)) === text;
  } catch {
    return false;
  }
}

/** The error for a base that is of no use. */
export function baseInvalid(given: string, why: string, hint: string, cause?: unknown): PackferryError {
  const more = cause === undefined ? { hint } : { hint, cause };
  return new PackferryError('E_BASE_INVALID', `${given} cannot be built on: ${why}`, more);
}
