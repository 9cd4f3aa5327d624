import type { ImageReference } from '../core/reference.ts';

/**
 * A tag as the vendor writes them: `<version>.<CI revision>`, for instance `3.12.13.11694875` or `1.0.0.12345`. The
 * revision is the number of the build: it only grows, and no two builds of an image share one.
 */
export interface VendorTag {
  readonly tag: string;
  readonly numbers: readonly number[];
  readonly revision: number;
  /**
   * The first two numbers of the version: `3.12` of `3.12.13.11694875`, `1.0` of `1.0.0.12345` and of `1.0.10133006`.
   * In images that are a Python and little else this is the version of Python.
   */
  readonly line: string;
}

/** The vendor's organisations; copies in other registries keep them as the folder of the image. */
const organisations = ['demisto', 'devdemisto', 'demistoextended'];

const dottedNumbers = /^\d{1,15}(?:\.\d{1,15})+$/;

/** Is this an image of the vendor, on whatever registry? Only there the last number of a tag is known to be a revision. */
export function isVendorImage({ repository }: Pick<ImageReference, 'repository'>): boolean {
  return organisations.includes(repository.split('/').at(-2) ?? '');
}

/** Reads a tag; undefined when it is no row of numbers: `latest`, `1.3-alpine`, a commit. */
export function parseVendorTag(tag: string): VendorTag | undefined {
  if (!dottedNumbers.test(tag)) return undefined;
  const numbers = tag.split('.').map(Number);
  const revision = numbers.at(-1) ?? 0;
  return { tag, numbers, revision, line: numbers.slice(0, -1).slice(0, 2).join('.') };
}

/** Orders tags by the vendor's rule, the oldest first: by the revision alone, whatever the version is. */
export function byRevision(a: VendorTag, b: VendorTag): number {
  return a.revision - b.revision || byNumbers(a.numbers, b.numbers);
}

function byNumbers(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? -1) - (b[at] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Those of the tags that the rule can compare, the oldest first. */
export function comparableTags(tags: readonly string[]): VendorTag[] {
  return tags
    .map(parseVendorTag)
    .filter((tag) => tag !== undefined)
    .sort(byRevision);
}
