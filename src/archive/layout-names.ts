import { PackferryError } from '../core/errors.ts';
import { formatReference, parseReference, tagNameOf, type ImageReference } from '../core/reference.ts';
import type { LayoutEntry } from '../schema/oci-layout.ts';
import { nameAnnotations } from './save-documents.ts';

/** The image reference that an entry of `index.json` stands for; undefined when it has none. */
export function referenceOfEntry(entry: LayoutEntry): ImageReference | undefined {
  const text = entry.annotations?.[nameAnnotations.containerd] ?? entry.annotations?.[nameAnnotations.oci];
  // The specification lets `ref.name` be a bare tag, which has neither of these characters and names no image.
  if (text === undefined || !/[/:@]/.test(text)) return undefined;
  try {
    return parseReference(text);
  } catch (fault) {
    // Other tools may write any text there: such an entry has no name for us.
    if (fault instanceof PackferryError && fault.code === 'E_REFERENCE_INVALID') return undefined;
    throw fault;
  }
}

/** The name under which an image stands in a layout: with its tag, or with its digest when it has no tag. */
export function layoutName(reference: ImageReference): string {
  return tagNameOf(reference) ?? formatReference(reference);
}

/** Does the entry stand for an image of this name? */
export function isNamed(entry: LayoutEntry, name: string): boolean {
  const reference = referenceOfEntry(entry);
  return reference !== undefined && layoutName(reference) === name;
}
