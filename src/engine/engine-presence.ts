import type { LockedImage } from '../core/image.ts';
import type { Conflict, Presence } from '../core/ports.ts';
import { nameOf, parseReference, tagNameOf } from '../core/reference.ts';
import type { Comparison } from './held-image.ts';
import type { HeldLayers } from './held-layers.ts';

/** What an engine that has these layers is to say of an image, as it compares with what it has under the name. */
export function presenceOf(image: LockedImage, found: Comparison, held: HeldLayers): Presence {
  switch (found.state) {
    case 'same':
      return { state: 'present', id: found.id };
    case 'other':
      return conflictWith(image, found.id, held);
    case 'absent':
      return { state: 'absent', held: held.heldOf(image) };
    case 'faulty':
      return { state: 'absent' };
  }
}

/** The name of an image stands for another one there. */
export function conflictWith(image: LockedImage, holder: string, held: HeldLayers): Conflict {
  const reference = parseReference(image.reference);
  const name = tagNameOf(reference) ?? image.reference;
  const aside = `${nameOf(reference)}:${holder.replace('sha256:', 'was-').slice(0, 16)}`;
  const command = held.facts.product;
  const hint = `With --on-existing retag the name is moved and the old image kept under another one. By hand: "${command} tag ${name} ${aside}", "${command} image rm ${name}".`;
  return { state: 'conflict', holder, hint, held: held.heldOf(image) };
}
