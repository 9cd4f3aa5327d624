import { nearestName } from '../core/nearest.ts';
import { formatReference, nameOf, parseReference, type ImageReference } from '../core/reference.ts';

/** An image that somebody asks for. */
export interface NamedImage {
  /** Fully qualified, without a tag when none was given. */
  readonly text: string;
  /** `registry/repository`. */
  readonly name: string;
  /** Is this the image that is meant? */
  matches(reference: ImageReference): boolean;
}

/**
 * Reads the name of an image on the command line. Other than in a pack, a name with neither tag nor digest means every
 * tag. Throws `E_REFERENCE_INVALID`.
 */
export function parseImageName(text: string): NamedImage {
  const wanted = parseReference(text);
  const isOpen = !/[:@]/.test(text.slice(text.lastIndexOf('/') + 1));
  const name = nameOf(wanted);
  return {
    text: isOpen ? name : formatReference(wanted),
    name,
    matches: (reference) => {
      if (nameOf(reference) !== name) return false;
      if (isOpen) return true;
      const sameTag = wanted.tag === undefined || wanted.tag === reference.tag;
      return sameTag && (wanted.digest === undefined || wanted.digest === reference.digest);
    },
  };
}

/** Those of the names that were perhaps meant: only the last part of a path is compared, people leave out the rest. */
export function similarNames(name: string, names: readonly string[]): string[] {
  const last = (text: string): string => text.slice(text.lastIndexOf('/') + 1);
  const slip = nearestName(last(name), names.map(last));
  return names.filter((other) => last(other) === slip || last(other).includes(last(name)));
}
