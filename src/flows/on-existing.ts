import { messageOf } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { LockedImage } from '../core/image.ts';
import type { Conflict, ImageTarget, Presence } from '../core/ports.ts';
import { nameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { tagConflict } from '../core/tag-conflict.ts';
import type { SignedBundle } from '../bundle/signed-bundle.ts';
import type { TrustPolicy } from '../trust/read-policy.ts';
import type { ImportedImage } from '../schema/reports.ts';

/**
 * What happens where a name stands for another image at a target: an error, the other image is kept and this one not
 * brought, the name is moved, or it is moved and the other image gets it with `retag` behind its tag, for instance
 * `-before-20261125T120000Z`.
 */
export type OnExisting = 'error' | 'keep' | 'overwrite' | { readonly retag: string };

/** The same as people and bundles say it, without the time. */
export type AskedOnExisting = 'error' | 'keep' | 'overwrite' | 'retag';

/**
 * What an import does about names that stand for other images: what the operator says, else what the signed bundle asks for and the
 * site's policy allows, else an error. A bundle that is heeded, or not, is told of.
 */
export function onExistingFor(
  { dir, document: { onExisting } }: Pick<SignedBundle, 'dir' | 'document'>,
  given: AskedOnExisting | undefined,
  { allowRetag }: Pick<TrustPolicy, 'allowRetag'>,
  emit: Emit,
): AskedOnExisting {
  if (given !== undefined || onExisting === undefined) return given ?? 'error';
  if (onExisting === 'retag' && !allowRetag) {
    const message = `${dir} asks for names to be moved from other images, which the policy of this site does not allow`;
    emit({ type: 'note', level: 'warning', message });
    return 'error';
  }
  const does =
    onExisting === 'keep'
      ? 'images that have a name of its images stay'
      : 'names are moved, and the images that had them kept under a dated tag';
  emit({
    type: 'note',
    level: 'info',
    message: `as ${dir} asks for, ${does} (--on-existing says otherwise)`,
  });
  return onExisting;
}

export interface FreeingOptions {
  readonly onExisting: OnExisting;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Does this end well at the target, as far as can be known? */
export function isSettled(target: ImageTarget, image: LockedImage, onExisting: OnExisting): boolean {
  if (typeof onExisting === 'string') return onExisting !== 'error';
  return target.setAside !== undefined && parseReference(image.reference).tag !== undefined;
}

/** Would a delivery send it? Not what is there, nor what has to leave its name to another image. */
export function isToBeSent(
  target: ImageTarget,
  { image, presence }: { readonly image: LockedImage; readonly presence: Presence },
  onExisting: OnExisting,
): boolean {
  if (presence.state !== 'conflict') return presence.state === 'absent';
  return onExisting !== 'keep' && isSettled(target, image, onExisting);
}

/** Lets a name be moved, and keeps whose it is where that is asked for. Throws `E_TAG_CONFLICT` where it may not be. */
export async function freeName(
  target: ImageTarget,
  image: LockedImage,
  conflict: Conflict,
  { onExisting, emit, signal }: FreeingOptions,
): Promise<NonNullable<ImportedImage['replaced']>> {
  const { reference } = image;
  const { holder } = conflict;
  const had = `${reference}: ${target.name} had another image of this name, ${holder}`;
  if (onExisting === 'overwrite') {
    emit({ type: 'note', level: 'warning', message: `${had}, which has lost it` });
    return { id: holder };
  }
  const name = parseReference(reference);
  if (typeof onExisting === 'string' || target.setAside === undefined || name.tag === undefined) {
    throw tagConflict(target.name, reference, conflict);
  }
  const { retag } = onExisting;
  const aside = asideName(name, retag);
  await target.setAside(holder, parseReference(aside), signal);
  const keptAs = target.nameOf?.({ ...image, reference: aside }) ?? aside;
  emit({ type: 'note', level: 'warning', message: `${had}: it is kept as ${keptAs}` });
  return { id: holder, keptAs };
}

/** Another name for the image that has this one. A tag has 128 characters at most. */
export function asideName(name: ImageReference, retag: string): string {
  return `${nameOf(name)}:${(name.tag ?? '').slice(0, 128 - retag.length)}${retag}`;
}

/** After a delivery that was not confirmed. What cannot be taken back is told beside the failure. */
export async function withdraw(
  target: ImageTarget,
  image: LockedImage,
  before: string | undefined,
  emit: Emit,
): Promise<void> {
  try {
    await target.withdraw?.(image, before);
  } catch (fault) {
    const message = `${image.reference}: what ${target.name} took could not be taken back: ${messageOf(fault)}`;
    emit({ type: 'note', level: 'warning', message });
  }
}
