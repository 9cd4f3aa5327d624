import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { readRange } from '../archive/file-range.ts';
import { collect } from '../core/collect.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ServedBlob, ServedContent, ServedManifest } from '../core/served.ts';
import { pathMeant } from '../core/served-names.ts';
import { verified } from '../core/verify-stream.ts';
import { judgeFreshness, type FreshnessRules } from '../trust/freshness.ts';
import { defaultPolicy } from '../trust/read-policy.ts';
import { throwAll } from './faults.ts';
import { readingFile } from './folder.ts';
import type { LendingBundle } from './lending-bundle.ts';
import type { VerifiedBundle } from './open.ts';
import { joinRepositories, type BlobPlace, type Repositories } from './served-repositories.ts';

export interface ServedBundlesOptions {
  /** What stands before every path, e.g. `soc/images`; empty when absent. */
  readonly prefix?: string;
  /** The time at which something is asked for. */
  readonly clock: () => Date;
  /** The rules of the site on the age of bundles: these end while they are served, too. */
  readonly rules?: FreshnessRules | undefined;
  /** What lends layers which the others leave out, as far as these were verified; their own images are not served. */
  readonly lenders?: readonly LendingBundle[];
  /** Told of names for which the later bundle of a stream counts. */
  readonly onSuperseded?: (message: string) => void;
}

/** Small enough that many slow clients do not fill the memory; in bytes. */
const pieceSize = 256 * 1024;

/**
 * What a read-only registry serves of verified bundles: each image under its tag and its digest, and of each repository
 * only the blobs that its images have. Blobs are read at the places of the signed plan, without unpacking, and whole ones
 * are hashed once more on their way; of a part only the client can tell. So an archive that was changed since it was
 * verified is not read at all, as far as its size and time show it.
 */
export class ServedBundles implements ServedContent {
  readonly #repositories: Repositories;
  readonly #prefix: string;
  readonly #clock: () => Date;
  readonly #rules: FreshnessRules;

  /**
   * Throws `E_TAG_CONFLICT` with every name for which the bundles have different images, `E_BASE_MISSING` with every image of
   * which layers are left out that nobody carries.
   */
  constructor(bundles: readonly VerifiedBundle[], options: ServedBundlesOptions) {
    const { prefix = '', clock, rules = defaultPolicy, onSuperseded, lenders } = options;
    this.#repositories = joinRepositories(bundles, onSuperseded, lenders);
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#clock = clock;
    this.#rules = rules;
  }

  /** The names of all images as clients ask for them, in the order of the bundles: `demisto/python3:3.12`. */
  get names(): readonly string[] {
    return [...this.#repositories].flatMap(([repository, { tags, manifests }]) => {
      const tagged = [...tags].map(([tag]) => `${this.#prefix}${repository}:${tag}`);
      const named = new Set([...tags.values()].map(({ digest }) => digest));
      const others = [...manifests.keys()].filter((digest) => !named.has(digest));
      return [...tagged, ...others.map((digest) => `${this.#prefix}${repository}@${digest}`)];
    });
  }

  repositoryNamed(name: string, registry?: string): string {
    if (!name.startsWith(this.#prefix)) return '';
    const meant = pathMeant(name.slice(this.#prefix.length), registry);
    return meant === undefined ? '' : `${this.#prefix}${meant}`;
  }

  repositories(): Promise<readonly string[]> {
    return Promise.resolve([...this.#repositories.keys()].map((name) => `${this.#prefix}${name}`));
  }

  tags(name: string): Promise<readonly string[] | undefined> {
    const repository = this.#find(name);
    return Promise.resolve(repository === undefined ? undefined : [...repository.tags.keys()]);
  }

  /** Throws `E_BUNDLE_EXPIRED` and its like when that came true of every bundle that has it, and what reading throws. */
  async manifest(name: string, tagOrDigest: string): Promise<ServedManifest | undefined> {
    const repository = this.#find(name);
    const digest = isDigest(tagOrDigest) ? tagOrDigest : repository?.tags.get(tagOrDigest)?.digest;
    const held = digest === undefined ? undefined : repository?.manifests.get(digest);
    const place = digest === undefined ? undefined : repository?.blobs.get(digest);
    if (held === undefined || place === undefined) return undefined;
    this.#checkFresh(held.bundles);
    await checkUnchanged(place);
    const { descriptor } = held;
    const bytes = await collect(open(place, descriptor.digest), limits.imageManifest, nameOf(place));
    return { descriptor, bytes };
  }

  async blob(name: string, digest: Digest): Promise<ServedBlob | undefined> {
    const place = this.#find(name)?.blobs.get(digest);
    if (place === undefined) return undefined;
    await checkUnchanged(place);
    return { size: place.size, open: (from, end) => open(place, digest, from, end) };
  }

  #find(name: string): ReturnType<Repositories['get']> {
    return name.startsWith(this.#prefix)
      ? this.#repositories.get(name.slice(this.#prefix.length))
      : undefined;
  }

  /** One of the bundles that have the image must still be good by the clock. What came before was judged at the start. */
  #checkFresh(bundles: readonly VerifiedBundle[]): void {
    const refusals = bundles.map(({ document, sumsSha256 }) => {
      const facts = { document, sumsSha256, now: this.#clock(), rules: this.#rules, past: undefined };
      return judgeFreshness(facts).refusals;
    });
    if (!refusals.some(({ length }) => length === 0))
      throwAll(refusals.flat(), { header: 'no bundle that has the image is good any more' });
  }
}

/** A part cannot be hashed: only whole blobs are. */
function open(place: BlobPlace, digest: Digest, from = 0, end = place.size): Readable {
  const { bundle, file, offset, size } = place;
  const bytes = readRange(path.join(bundle.dir, file), offset + from, offset + end, pieceSize);
  if (from > 0 || end < size) return bytes;
  return verified(bytes, { digest, size }, { name: `${nameOf(place)}: blob ${digest}` });
}

/** Throws `E_BUNDLE_INCOMPLETE` for an archive that cannot be reached, `E_BUNDLE_MALFORMED` for one that is not as it was. */
async function checkUnchanged(place: BlobPlace): Promise<void> {
  const { bundle, file } = place;
  const stats = await readingFile(nameOf(place), () => lstat(path.join(bundle.dir, file)));
  const before = bundle.seen.get(file);
  if (stats.isFile() && stats.size === before?.size && stats.mtimeMs === before.mtimeMs) return;
  throw new PackferryError('E_BUNDLE_MALFORMED', `${nameOf(place)} was changed after it was verified`, {
    hint: 'See to it that nobody writes to the medium, and start again: the bundle is verified anew then.',
  });
}

function nameOf({ bundle, file }: BlobPlace): string {
  return path.join(bundle.dir, file);
}
