import type { LockedImage } from '../core/image.ts';
import { PackferryError } from '../core/errors.ts';
import type { ImageSource } from '../core/ports.ts';
import { lockedNameOf, parseReference } from '../core/reference.ts';
import type { LockDocument } from '../schema/lock.ts';
import { resolveAll, type Resolved, type ResolveOptions } from './resolve.ts';

/**
 * Asks the source whether it still serves what a lock names, by digest, before anything large is fetched. An image that
 * is gone is told by its name; so is a lock whose parts contradict the image.
 */
export async function confirmLocked(
  resolved: Resolved,
  lock: LockDocument,
  options: ResolveOptions,
): Promise<Resolved> {
  const wanted = resolved.images.map(({ image, usedBy }) => {
    const reference = { ...parseReference(image.reference), digest: image.manifest.digest };
    return { reference, usedBy };
  });
  const source = explaining(options.source, lock);
  const { images, errors } = await resolveAll(wanted, { ...options, source });
  const served = new Map(images.map(({ image }) => [image.reference, image]));
  const confirmed = resolved.images.filter(({ image }) => {
    const found = served.get(image.reference);
    if (found !== undefined && !isEqual(found, image)) throw contradiction(image);
    return found !== undefined;
  });
  return { images: confirmed, errors };
}

/** The same source, which says of a missing image that the lock names it. */
function explaining(source: ImageSource, lock: LockDocument): ImageSource {
  const locked = new Map(lock.images.map((image) => [image.reference, image]));
  return {
    name: source.name,
    async resolve(reference, platform, signal) {
      try {
        return await source.resolve(reference, platform, signal);
      } catch (fault) {
        if (!(fault instanceof PackferryError) || fault.code !== 'E_IMAGE_NOT_FOUND') throw fault;
        const name = lockedNameOf(reference);
        const { lockedAt = '', source: from = source.name } = locked.get(name) ?? {};
        const since = lockedAt.slice(0, 10);
        const what = `${from.replace(/:$/, '')} no longer serves ${reference.digest ?? ''}, to which it was locked on ${since}`;
        throw new PackferryError('E_IMAGE_NOT_FOUND', `${name}: ${what}`, {
          hint: 'See what the name stands for now with "packferry lock --check", or name a mirror or another source that still has it.',
          cause: fault,
        });
      }
    },
    openBlob: (image, blob, options) => source.openBlob(image, blob, options),
    close: () => source.close(),
  };
}

function isEqual(a: LockedImage, b: LockedImage): boolean {
  const facts = ({ config, layers }: LockedImage): string =>
    JSON.stringify([config, ...layers].map(({ digest, size }) => [digest, size]));
  return facts(a) === facts(b);
}

function contradiction({ reference }: LockedImage): PackferryError {
  return new PackferryError('E_LOCK_INVALID', `${reference}: the lock does not fit the image that it names`, {
    hint: 'Lock files are written by "packferry lock" and not by hand. Remove it and lock again.',
  });
}
