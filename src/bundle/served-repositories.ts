import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { blobsOf, type Descriptor } from '../core/image.ts';
import { namespaceOf, servedPathOf } from '../core/served-names.ts';
import type { BundleImage } from '../schema/bundle.ts';
import { throwAll } from './faults.ts';
import type { LendingBundle } from './lending-bundle.ts';
import type { VerifiedBundle } from './open.ts';
import { refuseLacking } from './served-lacking.ts';

/** Where a blob stands. */
export interface BlobPlace {
  readonly bundle: Pick<VerifiedBundle, 'dir' | 'seen'>;
  readonly file: string;
  readonly offset: number;
  readonly size: number;
}

/** An image that a tag stands for, and the bundle that says so. */
interface Tagged {
  readonly digest: Digest;
  readonly bundle: VerifiedBundle;
}

interface Repository {
  /** The registry and path that the images are named after. */
  readonly origin: string;
  readonly tags: Map<string, Tagged>;
  readonly manifests: Map<Digest, { readonly descriptor: Descriptor; readonly bundles: VerifiedBundle[] }>;
  readonly blobs: Map<Digest, BlobPlace>;
}

/** Repositories by the path under which they are served. */
export type Repositories = ReadonlyMap<string, Repository>;

/**
 * Puts the images of several bundles side by side. Where a name stands for different images, the later bundle of one
 * stream counts, and that is told; of different streams nobody can say which is meant: `E_TAG_CONFLICT`, with all of them.
 * What a bundle leaves out comes from the others, or from the lenders, whose images are not served: `E_BASE_MISSING` where
 * nobody carries it.
 */
export function joinRepositories(
  bundles: readonly VerifiedBundle[],
  onSuperseded: (message: string) => void = () => undefined,
  lenders: readonly LendingBundle[] = [],
): Repositories {
  refuseLacking(
    bundles,
    lenders.map(({ dir, signed }) => ({ dir, ...signed })),
  );
  const lent = lenders.flatMap((lender) => [
    ...placesIn([{ dir: lender.dir, ...lender.signed }], (digest) => lender.lends({ digest })),
  ]);
  const places = new Map([...lent, ...placesIn(bundles)]);
  const repositories = new Map<string, Repository>();
  const faults: PackferryError[] = [];
  for (const bundle of bundles) {
    for (const image of bundle.document.images) {
      try {
        addImage(repositories, places, bundle, image, onSuperseded);
      } catch (fault) {
        if (!(fault instanceof PackferryError)) throw fault;
        faults.push(fault);
      }
    }
  }
  throwAll(faults, { header: 'the bundles cannot be served together' });
  return repositories;
}

function addImage(
  repositories: Map<string, Repository>,
  places: ReadonlyMap<Digest, BlobPlace>,
  bundle: VerifiedBundle,
  image: BundleImage,
  onSuperseded: (message: string) => void,
): void {
  const { registry, repository: name, tag } = namespaceOf(image.reference);
  const served = servedPathOf({ registry, repository: name });
  const origin = `${registry}/${name}`;
  const repository = repositories.get(served) ?? {
    origin,
    tags: new Map<string, Tagged>(),
    manifests: new Map<Digest, { descriptor: Descriptor; bundles: VerifiedBundle[] }>(),
    blobs: new Map<Digest, BlobPlace>(),
  };
  if (repository.origin !== origin)
    throw conflict(`${repository.origin} and ${origin} would both be served as ${served}`);
  repositories.set(served, repository);
  for (const blob of blobsOf(image)) {
    const place = places.get(blob.digest);
    if (place === undefined) throw new Error(`${image.reference}: ${blob.digest} is in none of the bundles`);
    repository.blobs.set(blob.digest, place);
  }
  const { digest } = image.manifest;
  const held = repository.manifests.get(digest);
  if (held === undefined) repository.manifests.set(digest, { descriptor: image.manifest, bundles: [bundle] });
  else held.bundles.push(bundle);
  if (tag === undefined) return;
  const before = repository.tags.get(tag);
  const after = { digest, bundle };
  const winner =
    before === undefined || before.digest === digest ? after : laterOf(image.reference, before, after);
  if (before !== undefined && before.digest !== digest)
    onSuperseded(`${image.reference} is that of ${shown(winner.bundle)}, the later bundle`);
  repository.tags.set(tag, winner);
}

function laterOf(reference: string, one: Tagged, other: Tagged): Tagged {
  const [a, b] = [one.bundle.document, other.bundle.document];
  if (a.name === b.name && a.sequence !== b.sequence) return a.sequence > b.sequence ? one : other;
  throw conflict(
    `${reference} stands for ${one.digest} in ${shown(one.bundle)}, and for ${other.digest} in ${shown(other.bundle)}`,
  );
}

function conflict(message: string): PackferryError {
  return new PackferryError('E_TAG_CONFLICT', message, {
    hint: 'A registry has one image per name: serve one of the bundles by itself, at another port or with --prefix.',
  });
}

function shown({ dir, document: { name, sequence } }: VerifiedBundle): string {
  return `${dir} (${name} ${sequence})`;
}

/** Every blob that counts, in the first bundle that has it. */
function placesIn(
  bundles: readonly Pick<VerifiedBundle, 'dir' | 'seen' | 'document'>[],
  counts: (digest: Digest) => boolean = () => true,
): Map<Digest, BlobPlace> {
  const places = new Map<Digest, BlobPlace>();
  for (const bundle of bundles) {
    for (const { file, blobs } of bundle.document.archives) {
      for (const { digest, offset, size } of blobs) {
        if (counts(digest) && !places.has(digest)) places.set(digest, { bundle, file, offset, size });
      }
    }
  }
  return places;
}
