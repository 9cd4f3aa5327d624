import type { Digest } from '../core/digest.ts';
import { asPackferryError } from '../core/errors.ts';
import type { ImageTarget } from '../core/ports.ts';
import { parseReference, type ImageReference } from '../core/reference.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { newName, type RetagRule } from './retag.ts';

/**
 * The layers that a bundle leaves out, and the images of its bases that have them, under the names that they have got at a
 * target: by the rules that hold now, or without.
 */
export function imagesOfBases(
  { requires }: Pick<BundleDocument, 'requires'>,
  rules: readonly RetagRule[],
): ReadonlyMap<Digest, readonly ImageReference[]> {
  return new Map(
    requires.map(({ digest, image }) => [digest, image === undefined ? [] : namesOf(image, rules)]),
  );
}

/** Where a target may have what the bundle leaves out: to be told before it is asked what it has. */
export function tellOfBases(
  target: ImageTarget,
  { document }: { readonly document: Pick<BundleDocument, 'requires'> },
  { retag = [] }: { readonly retag?: readonly RetagRule[] },
): void {
  target.mayHave?.(imagesOfBases(document, retag));
}

/** A name that is none stands for nothing. */
function namesOf(text: string, rules: readonly RetagRule[]): ImageReference[] {
  try {
    const plain = parseReference(text);
    const { name } = newName(plain, rules) ?? {};
    return name === undefined ? [plain] : [parseReference(name), plain];
  } catch (fault) {
    if (asPackferryError(fault).code === 'E_REFERENCE_INVALID') return [];
    throw fault;
  }
}
