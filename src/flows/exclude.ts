import { matchesGlob } from '../core/glob.ts';
import { nameOf, type ImageReference } from '../core/reference.ts';
import type { WantedImage } from './resolve.ts';

/** An image that is needed, but left out on purpose. */
export interface ExcludedImage {
  readonly wanted: WantedImage;
  /** The pattern that took it out. */
  readonly pattern: string;
}

export interface Excluded {
  readonly kept: readonly WantedImage[];
  readonly excluded: readonly ExcludedImage[];
}

/** Takes out the images that some pattern names; the first one that does is noted. */
export function excludeImages(wanted: readonly WantedImage[], patterns: readonly string[]): Excluded {
  const kept: WantedImage[] = [];
  const excluded: ExcludedImage[] = [];
  for (const image of wanted) {
    const pattern = patterns.find((one) => matchesImage(one, image.reference));
    if (pattern === undefined) kept.push(image);
    else excluded.push({ wanted: image, pattern });
  }
  return { kept, excluded };
}

/** The patterns that name none of the images. */
export function unusedPatterns(wanted: readonly WantedImage[], patterns: readonly string[]): string[] {
  return patterns.filter((pattern) => !wanted.some(({ reference }) => matchesImage(pattern, reference)));
}

/**
 * Does a pattern name the image? It is held against the full name and the familiar one (`demisto/ml:1.0`,
 * `python:3`), each with tag or digest and without: a pattern without a tag means all tags.
 */
export function matchesImage(pattern: string, reference: ImageReference): boolean {
  const { tag, digest } = reference;
  const withTag = tag === undefined ? '' : `:${tag}`;
  const withDigest = digest === undefined ? '' : `@${digest}`;
  const endings = new Set(['', withTag, withDigest, withTag + withDigest]);
  return namesOf(reference).some((name) =>
    [...endings].some((ending) => matchesGlob(pattern, name + ending)),
  );
}

/** `demisto/ml` for docker.io/demisto/ml, `python` for docker.io/library/python; others only have their full name. */
export function familiarName(reference: ImageReference): string {
  return namesOf(reference).at(-1) ?? '';
}

function namesOf(reference: ImageReference): string[] {
  const { registry, repository } = reference;
  const full = nameOf(reference);
  if (registry !== 'docker.io') return [full];
  return repository.startsWith('library/')
    ? [full, repository, repository.slice('library/'.length)]
    : [full, repository];
}
