import { PackferryError } from './errors.ts';
import type { Conflict } from './ports.ts';

/** The error for an image whose name stands for another image at a target. A load would move the name in silence. */
export function tagConflict(target: string, reference: string, { holder, hint }: Conflict): PackferryError {
  const message = `${reference}: on ${target} this name stands for another image, ${holder}`;
  return new PackferryError('E_TAG_CONFLICT', message, { hint });
}
