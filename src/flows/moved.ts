import { PackferryError } from '../core/errors.ts';
import { parseReference } from '../core/reference.ts';
import type { LockDocument } from '../schema/lock.ts';
import type { Resolved } from './resolve.ts';

/**
 * Holds what the registry answers now against a lock. The vendor never gives a tag to another image, so a tag with
 * another digest than the lock's is an error (`E_TAG_MOVED`) of that image; `latest` is made to move.
 */
export function refuseMoved(resolved: Resolved, lock: LockDocument): Resolved {
  const locked = new Map(lock.images.map((image) => [image.reference, image]));
  const moved: PackferryError[] = [];
  const images = resolved.images.filter(({ image: { reference, manifest } }) => {
    const known = locked.get(reference);
    const isMoved = known !== undefined && known.manifest.digest !== manifest.digest;
    if (!isMoved || parseReference(reference).tag === 'latest') return true;
    const since = known.lockedAt.slice(0, 10);
    const message = `${reference}: moved since ${since}: locked to ${known.manifest.digest}, now ${manifest.digest}`;
    moved.push(
      new PackferryError('E_TAG_MOVED', message, {
        hint: 'Tags of the vendor are never overwritten: find out why. "packferry lock" accepts it.',
      }),
    );
    return false;
  });
  return { ...resolved, images, errors: [...resolved.errors, ...moved] };
}
